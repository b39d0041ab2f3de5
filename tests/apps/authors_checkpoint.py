"""Does to a checkpoint what the PiCIE authors' program does, with PyTorch's own modules:
    python3 authors_checkpoint.py CHECKPOINT FOLDER
loads network, classifiers and optimizer, takes a step, takes it back, and saves all of it as FOLDER/legacy.pth.tar and
FOLDER/zip.pth.tar. Fails where a name, a shape or the order of the parameters is not as it should be."""
import argparse
import copy
import pathlib
import sys

import torch
from torch import nn

CHANNELS, DIMS = (64, 128, 256, 512), 128


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.decoder = nn.Module(), nn.Module()
        self.backbone.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.backbone.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for i, outputs in enumerate(CHANNELS):
            blocks = Block(inputs, outputs, 1 if i == 0 else 2), Block(outputs, outputs, 1)
            setattr(self.backbone, f"layer{i + 1}", nn.Sequential(*blocks))
            inputs = outputs
        for i in (4, 3, 2, 1):
            setattr(self.decoder, f"layer{i}", nn.Conv2d(CHANNELS[4 - i], DIMS, 1))


if __name__ == "__main__":
    safe = {"weights_only": True} if int(torch.__version__.split(".")[0]) >= 2 else {}  # 1.13 refuses real numbers
    checkpoint = torch.load(sys.argv[1], **safe)
    network = nn.DataParallel(Network())
    network.load_state_dict(checkpoint["state_dict"])
    out = {"epoch": checkpoint["epoch"], "args": argparse.Namespace(arch="resnet18"), "state_dict": network.state_dict()}
    for name in ("classifier1_state_dict", "classifier2_state_dict"):
        classifier = nn.DataParallel(nn.Conv2d(DIMS, checkpoint[name]["module.weight"].shape[0], 1))
        classifier.load_state_dict(checkpoint[name])
        out[name] = classifier.state_dict()
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, network.module.parameters()), lr=1.0)
    optimizer.load_state_dict(checkpoint["optimizer"])
    for parameter in network.parameters():
        state = optimizer.state.get(parameter, {})
        assert all(state[key].shape == parameter.shape for key in ("exp_avg", "exp_avg_sq") if key in state)
        parameter.grad = torch.ones_like(parameter)
    before = copy.deepcopy(network.state_dict())
    optimizer.step()
    assert not torch.equal(before["module.decoder.layer1.bias"], network.module.decoder.layer1.bias)
    network.load_state_dict(before)
    out["optimizer"] = optimizer.state_dict()
    folder = pathlib.Path(sys.argv[2])
    torch.save(out, folder / "legacy.pth.tar", _use_new_zipfile_serialization=False)
    torch.save(out, folder / "zip.pth.tar")
    state = checkpoint["optimizer"]["state"]
    print("lr", optimizer.param_groups[0]["lr"], "states", len(state), "step", state[0]["step"] if state else None)
