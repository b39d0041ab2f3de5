"""Writes tests/golden/torch_files/: what torch.save makes of a small network, in both containers.

Made with PyTorch 1.13. <name>.legacy.pt and <name>.zip.pt hold the same object. Expected values are formulas that the
tests repeat: element i of a tensor is i / 8 - 3 + its number.
"""
import argparse
import collections
import pathlib

import torch

OUT = pathlib.Path(__file__).parent / "torch_files"


def ramp(number, *shape, dtype=torch.float32):
    count = torch.Size(shape).numel()
    return (torch.arange(count, dtype=torch.float64) / 8 - 3 + number).reshape(shape).to(dtype)


def network():
    net = torch.nn.Sequential(
        collections.OrderedDict(conv=torch.nn.Conv2d(3, 4, 3), bn=torch.nn.BatchNorm2d(4), fc=torch.nn.Linear(4, 2))
    )
    with torch.no_grad():
        for number, parameter in enumerate(net.parameters()):
            parameter.copy_(ramp(number, *parameter.shape))
        net.bn.running_mean.copy_(ramp(6, 4))
        net.bn.running_var.copy_(ramp(7, 4))
        net.bn.num_batches_tracked.fill_(12345678901)
    return net


def save(name, value):
    torch.save(value, OUT / f"{name}.legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(value, OUT / f"{name}.zip.pt")


def checkpoint():
    net = torch.nn.DataParallel(network())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    sum(p.sum() for p in net.parameters()).backward()
    optimizer.step()
    with torch.no_grad():
        for number, parameter in enumerate(net.parameters()):
            parameter.copy_(ramp(number, *parameter.shape))
    return {
        "epoch": 3,
        "args": argparse.Namespace(arch="resnet18", lr=0.1, device=torch.device("cpu"), seen={1, 2}),
        "best": torch.tensor(0.5),
        "lr": 2.5,
        "resumed": False,
        "note": None,
        "history": [1, (2, 3), "four", b"five", 2**70, -7],
        "state_dict": net.state_dict(),
        "optimizer": optimizer.state_dict(),
    }


def kinds():
    whole = ramp(0, 6, 5)
    shared = ramp(1, 10)
    return collections.OrderedDict(
        half=ramp(0, 2, 3, dtype=torch.float16),
        half_special=torch.tensor([2.0**-24, -(2.0**-14), 65504.0, float("inf"), -0.0], dtype=torch.float16),
        bfloat16=ramp(1, 5, dtype=torch.bfloat16),
        double=ramp(2, 4, dtype=torch.float64),
        long=torch.tensor([-(2**62), 0, 2**62]),
        int=torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
        short=torch.tensor([-32768, 32767], dtype=torch.int16),
        char=torch.tensor([-128, 127], dtype=torch.int8),
        byte=torch.tensor([0, 255], dtype=torch.uint8),
        bool=torch.tensor([True, False, True]),
        complex=torch.ones(2, dtype=torch.complex64),
        scalar=torch.tensor(1.5),
        empty=torch.empty(0, 3),
        transposed=whole.t(),
        window=whole[1:4, 2:5],
        first_half=shared[:5],
        second_half=shared[5:],
        expanded=ramp(3, 2, 1).expand(2, 3),
        channels_last=ramp(4, 1, 2, 2, 3).contiguous(memory_format=torch.channels_last),
        parameter=torch.nn.Parameter(ramp(5, 3)),
    )


def authors():
    """The layout of the PiCIE authors' checkpoints, two layers of the network standing for all."""
    net = torch.nn.Module()
    net.backbone = torch.nn.Sequential(collections.OrderedDict(conv1=torch.nn.Conv2d(3, 4, 7, bias=False)))
    net.decoder = torch.nn.Sequential(collections.OrderedDict(layer4=torch.nn.Conv2d(4, 6, 1)))
    classifiers = [torch.nn.Conv2d(6, 5, 1) for _ in range(2)]
    with torch.no_grad():
        for number, module in enumerate([net, *classifiers]):
            for parameter in module.parameters():
                parameter.copy_(ramp(number, *parameter.shape))
        classifiers[0].bias.zero_()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    sum(p.sum() for p in net.parameters()).backward()
    optimizer.step()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(ramp(0, *parameter.shape))
    return {
        "epoch": 7,
        "args": argparse.Namespace(arch="resnet18", K_train=5),
        "state_dict": torch.nn.DataParallel(net).state_dict(),
        "classifier1_state_dict": torch.nn.DataParallel(classifiers[0]).state_dict(),
        "classifier2_state_dict": torch.nn.DataParallel(classifiers[1]).state_dict(),
        "optimizer": optimizer.state_dict(),
    }


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    torch.save(network(), OUT / "module.zip.pt")  # a whole object, which is refused
    save("network", network().state_dict())
    save("checkpoint", checkpoint())
    save("kinds", kinds())
    save("authors", authors())
    torch.save({"model": network().state_dict()}, OUT / "protocol4.zip.pt", pickle_protocol=4)
    torch.save({"model": network().state_dict()}, OUT / "protocol4.legacy.pt", pickle_protocol=4,
               _use_new_zipfile_serialization=False)
