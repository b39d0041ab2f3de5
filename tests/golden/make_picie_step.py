#!/usr/bin/env python3
"""Makes picie_step.txt: PiCIE's training loss, its gradients and ten Adam steps on a ResNet-18-FPN, by PyTorch.

Nothing random is stored: weights, images, centroids, labels and class weights come from `uniform`, a hash of the
tensor's name and the element's number that the C++ test computes too. Lines:
  loss VALUE TERM11 TERM12 TERM22 TERM21      of the first step, float64
  grad NAME NORM COUNT INDEX VALUE ...        float64 gradient: 2-norm, and elements by their index in torch's order
  running NAME NORM INDEX VALUE               running statistics after the first step, float64
  curve64 VALUE ...                           losses of ten steps of Adam, lr 1e-3, in float64
  curve32 VALUE ...                           the same in float32
A ReLU whose input is as close to zero as float32's rounding makes of its gradient a matter of luck, and so does a tie
in max pooling. The names of the images are the best of 80 in that respect, and `check_choices` holds them to it.
Run with PyTorch 1.13: python3 make_picie_step.py > picie_step.txt
"""
import numpy as np
import torch
from hashed import hashed, uniform
from torch import nn
from torch.nn import functional as F

BATCH, SIDE, CLASSES, DIMS = 2, 64, 5, 128
VIEWS = ("view1, draw 38", "view2, draw 50")
# Per sample: row, col, height, width of the feature window and whether it is flipped (horizontally, vertically).
WINDOWS = [(2, 5, 11, 11, True, False), (0, 3, 13, 13, False, True)]


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for i, outputs in enumerate((64, 128, 256, 512)):
            blocks = [Block(inputs, outputs, 1 if i == 0 else 2), Block(outputs, outputs, 1)]
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
            inputs = outputs

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        maps = []
        for i in range(4):
            x = getattr(self, f"layer{i + 1}")(x)
            maps.append(x)
        return maps


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        for i, inputs in enumerate((512, 256, 128, 64)):
            setattr(self, f"layer{i + 1}", nn.Conv2d(inputs, DIMS, 1))

    def forward(self, maps):
        p = self.layer1(maps[3])
        for i in (1, 2, 3):
            lateral = getattr(self, f"layer{i + 1}")(maps[3 - i])
            p = F.interpolate(p, size=lateral.shape[-2:], mode="bilinear", align_corners=False) + lateral
        return p


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.decoder = Decoder()
        with torch.no_grad():
            for name, p in self.named_parameters():
                p.copy_(initial(name, tuple(p.shape)))

    def forward(self, x):
        return self.decoder(self.backbone(x))


def initial(name, shape):
    """Kaiming's variance for convolutions (fan-out; fan-in in the decoder), norms near one and zero."""
    if len(shape) == 4:
        fan = shape[1] if name.startswith("decoder") else shape[0] * shape[2] * shape[3]
        bound = (3.0 * (1.0 / 3.0 if name.startswith("decoder") else 2.0) / fan) ** 0.5
        return uniform(name, shape, -bound, bound)
    if name.endswith("weight"):
        return uniform(name, shape, 0.5, 1.5)
    return uniform(name, shape, -0.1, 0.1)


def crop_flip(x):
    samples = []
    for n, (row, col, height, width, horizontal, vertical) in enumerate(WINDOWS):
        window = x[n : n + 1, :, row : row + height, col : col + width]
        window = F.interpolate(window, size=x.shape[-2:], mode="bilinear", align_corners=False)
        dims = [d for d, on in ((3, horizontal), (2, vertical)) if on]
        samples.append(window.flip(dims) if dims else window)
    return torch.cat(samples)


class Data:
    def __init__(self, dtype):
        cells = SIDE // 4
        self.images = [uniform(name, (BATCH, 3, SIDE, SIDE), -2.0, 2.0).to(dtype) for name in VIEWS]
        self.centroids = [uniform(f"centroids{v}", (CLASSES, DIMS), -0.15, 0.15).to(dtype) for v in (1, 2)]
        self.weights = [uniform(f"weights{v}", (CLASSES,), 0.1, 0.4).to(dtype) for v in (1, 2)]
        self.labels = []
        for v in (1, 2):
            values = (hashed(f"labels{v}", BATCH * cells * cells) >> np.uint64(40)) % np.uint64(CLASSES)
            self.labels.append(torch.from_numpy(values.astype(np.int64).reshape(BATCH, cells, cells)))


def terms(model, data):
    x1 = F.normalize(model(data.images[0]), dim=1, eps=1e-12)
    x2 = F.normalize(crop_flip(model(data.images[1])), dim=1, eps=1e-12)

    def term(x, v):
        logits = F.conv2d(x, data.centroids[v][:, :, None, None])
        return F.cross_entropy(logits, data.labels[v], weight=data.weights[v])

    return term(x1, 0), term(x1, 1), term(x2, 1), term(x2, 0)


def curve(dtype, report):
    model, data = Model().to(dtype), Data(dtype)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for step in range(10):
        optimizer.zero_grad()
        parts = terms(model, data)
        loss = sum(parts) / 4
        loss.backward()
        if step == 0 and report:
            report(model, loss, parts)
        losses.append(loss.item())
        optimizer.step()
    return losses


def number(value):
    return f"{float(value):.12g}"


def report(model, loss, parts):
    print("loss", number(loss), *map(number, parts))
    for name, p in model.named_parameters():
        flat = p.grad.flatten()
        indices = sorted({int(h % np.uint64(flat.numel())) for h in hashed("at " + name, 12)})
        print("grad", name, number(flat.norm()), len(indices), *(f"{i} {number(flat[i])}" for i in indices))
    for name, b in model.named_buffers():
        if not name.endswith("num_batches_tracked"):
            index = int(hashed("at " + name, 1)[0] % np.uint64(b.numel()))
            print("running", name, number(b.norm()), index, number(b[index]))


def choices(dtype):
    """How far each ReLU's input is from zero, and in max pooling each positive maximum from the next value."""
    relu, max_pool2d, found = F.relu, F.max_pool2d, []

    def spy_relu(x):
        found.append(x.double())
        return relu(x)

    def spy_pool(x, *args):
        windows = F.unfold(x.double(), 3, padding=1, stride=2).reshape(x.shape[0], x.shape[1], 9, -1)
        first, second = windows.topk(2, dim=2).values.unbind(dim=2)
        found.append((first - second)[first > 0])
        return max_pool2d(x, *args)

    F.relu, F.max_pool2d = spy_relu, spy_pool
    with torch.no_grad():
        terms(Model().to(dtype), Data(dtype))
    F.relu, F.max_pool2d = relu, max_pool2d
    return found


def check_choices():
    for exact, rounded in zip(choices(torch.float64), choices(torch.float32)):
        closest, error = exact.abs().min(), (exact - rounded).std()
        assert closest > 8 * error, f"a choice at {closest}, where float32 is off by {error}"


def main():
    check_choices()
    print("curve64", *map(number, curve(torch.float64, report)))
    print("curve32", *map(number, curve(torch.float32, None)))


main()
