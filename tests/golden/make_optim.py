#!/usr/bin/env python3
"""Makes optim.txt: ten steps of torch.optim's SGD, Adam and AdamW on seven float32 numbers with given gradients.

Lines: `case NAME key value ...`, `start` values, then per step `grad` values and `param` values after it.
Run with PyTorch 1.13: python3 make_optim.py > optim.txt
"""
import torch

CASES = [
    ("sgd", {"lr": 0.1}),
    ("sgd", {"lr": 0.1, "weight_decay": 0.01}),
    ("sgd", {"lr": 0.05, "momentum": 0.9}),
    ("sgd", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}),
    ("sgd", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
    ("adam", {"lr": 0.01}),
    ("adam", {"lr": 0.01, "weight_decay": 0.1}),
    ("adam", {"lr": 0.003, "betas": (0.8, 0.95), "eps": 1e-4}),
    ("adamw", {"lr": 0.01}),
    ("adamw", {"lr": 0.01, "weight_decay": 0.1}),
]
CLASSES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def line(name, tensor):
    print(name, *(f"{value:.9g}" for value in tensor.tolist()))


def main():
    torch.manual_seed(1)
    for name, options in CASES:
        param = torch.nn.Parameter(torch.randn(7))
        optimizer = CLASSES[name]([param], **options)
        used = {key: optimizer.defaults[key] for key in ("lr", "momentum", "weight_decay", "nesterov", "eps")
                if key in optimizer.defaults}
        if name != "sgd":
            used["beta1"], used["beta2"] = optimizer.defaults["betas"]
        print("case", name, *(f"{key} {float(value):.9g}" for key, value in sorted(used.items())))
        line("start", param.detach())
        for step in range(10):
            # Sizes from large to tiny and an exact zero, where eps and the zero of v matter.
            param.grad = torch.randn(7) * torch.tensor([1.0, 10.0, 0.1, 1e-3, 1e-6, 1e-9, 0.0])
            line("grad", param.grad)
            optimizer.step()
            line("param", param.detach())


main()
