#!/usr/bin/python3
"""The network benchmarks of bench/network.cpp in PyTorch: same sizes, loss and optimizer.

Usage: torch_cpu.py NAME [SECONDS], NAME as in bareseg_bench: train_step/fp32, eval_forward/bf16, ...
"""
import os
import sys

import torch
import torch.nn.functional as F
import torchvision

from measure import median_ms, report

BATCH, SIDE, CLASSES, DIMS = 8, 160, 27, 128


class ResNetFpn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        net = torchvision.models.resnet18()
        self.stem = torch.nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        self.stages = torch.nn.ModuleList([net.layer1, net.layer2, net.layer3, net.layer4])
        self.laterals = torch.nn.ModuleList([torch.nn.Conv2d(c, DIMS, 1) for c in (64, 128, 256, 512)])

    def forward(self, x):
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        p = self.laterals[3](maps[3])
        for i in (2, 1, 0):
            lateral = self.laterals[i](maps[i])
            p = F.interpolate(p, size=lateral.shape[2:], mode="bilinear", align_corners=False) + lateral
        return p


def make(group, bf16, layout):
    torch.manual_seed(1)
    network = ResNetFpn().to(memory_format=layout)
    x = torch.randn(BATCH, 3, SIDE, SIDE).contiguous(memory_format=layout)
    adam = torch.optim.Adam(network.parameters(), lr=1e-4)
    centroids = 0.1 * torch.randn(CLASSES, DIMS, 1, 1)
    labels = torch.randint(CLASSES, (BATCH, SIDE // 4, SIDE // 4))
    weights = 0.5 + torch.rand(CLASSES)

    def autocast():
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16)

    def train_step():
        with autocast():
            logits = F.conv2d(F.normalize(network(x), dim=1), centroids)
        loss = F.cross_entropy(logits.float(), labels, weights)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        return loss.item()

    def eval_forward():
        network.eval()
        with torch.no_grad(), autocast():
            network(x)

    return {"train_step": train_step, "eval_forward": eval_forward}[group]


def main():
    name = sys.argv[1]
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    torch.set_num_threads(len(os.sched_getaffinity(0)))  # its own guess may be half of them
    group, dtype = name.split("/")
    layouts = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
    for layout_name, layout in layouts.items():
        if dtype == "bf16" and layout_name == "NCHW":
            continue
        report(name, "PyTorch " + layout_name, median_ms(make(group, dtype == "bf16", layout), seconds))


if __name__ == "__main__":
    main()
