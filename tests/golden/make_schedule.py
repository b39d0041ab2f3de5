#!/usr/bin/env python3
"""Makes schedule.txt: learning rates of torch.optim.lr_scheduler, one line per schedule:
  DECAY LR STEPS WARM_UP POWER VALUE ...   the rate of each of the STEPS steps
Run with PyTorch 1.13: python3 make_schedule.py > schedule.txt
"""
import torch
from torch.optim import lr_scheduler as s


def rates(decay, lr, steps, warm_up, power):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    rest = steps - warm_up
    after = {
        "constant": lambda: s.ConstantLR(optimizer, factor=1.0),
        "poly": lambda: s.PolynomialLR(optimizer, total_iters=rest, power=power),
        "cosine": lambda: s.CosineAnnealingLR(optimizer, T_max=rest),
    }[decay]()
    schedule = after
    if warm_up > 0:
        rise = s.LinearLR(optimizer, start_factor=1e-3, total_iters=warm_up)
        schedule = s.SequentialLR(optimizer, [rise, after], milestones=[warm_up])
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return values


for arguments in [
    ("constant", 0.01, 7, 3, 1.0),
    ("poly", 0.01, 20, 0, 0.9),
    ("poly", 0.02, 33, 7, 0.9),
    ("poly", 1.0, 12, 1, 2.0),
    ("cosine", 0.001, 20, 0, 1.0),
    ("cosine", 0.1, 33, 10, 1.0),
]:
    print(*arguments, *(f"{v:.17g}" for v in rates(*arguments)))
