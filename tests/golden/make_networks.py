#!/usr/bin/env python3
"""Makes networks.txt: features and gradients of DeepLabV3 (torchvision's) and of the U-Net of layers/unet.h, by PyTorch.

Weights, images and the gradient that arrives at the features come from `uniform` of hashed.py. float64. Lines:
  NETWORK eval NORM COUNT INDEX VALUE ...        features of evaluation: 2-norm, elements by their index in torch's order
  NETWORK train NORM COUNT INDEX VALUE ...       of training, without dropout
  NETWORK grad NAME NORM COUNT INDEX VALUE ...   gradient of <features, cotangent> in evaluation: in training that of
                                                 DeepLabV3 is chaotic here, PyTorch's own float32 errs by 3 %
  NETWORK parameters COUNT                       of the features, and for DeepLabV3 with 21 classes
Run with PyTorch 1.13 and torchvision 0.14: python3 make_networks.py > networks.txt
"""
import numpy as np
import torch
from hashed import hashed, uniform
from torch import nn
from torch.nn import functional as F
from torchvision.models.segmentation import deeplabv3_resnet50

SHAPE = (2, 3, 33, 41)


class DoubleConv(nn.Module):
    def __init__(self, inputs, middle, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, middle, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class UNet(nn.Module):
    def __init__(self, w):
        super().__init__()
        channels = [w, 2 * w, 4 * w, 8 * w, 8 * w]
        inputs = 3
        for i, c in enumerate(channels):
            setattr(self, f"down{i}", DoubleConv(inputs, c, c))
            inputs = c
        for i in (3, 2, 1, 0):
            setattr(self, f"up{i}", DoubleConv(2 * channels[i], channels[i], channels[i - 1] if i else w))

    def forward(self, x):
        maps = [self.down0(x)]
        for i in (1, 2, 3, 4):
            maps.append(getattr(self, f"down{i}")(F.max_pool2d(maps[-1], 2)))
        y = maps[4]
        for i in (3, 2, 1, 0):
            up = F.interpolate(y, size=maps[i].shape[-2:], mode="bilinear", align_corners=False)
            y = getattr(self, f"up{i}")(torch.cat([maps[i], up], 1))
        return y


class DeepLab(nn.Module):
    """Up to the features: without dropout and the last convolution."""

    def __init__(self):
        super().__init__()
        whole = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=21, aux_loss=None)
        self.count = sum(p.numel() for p in whole.parameters())
        self.backbone, self.classifier = whole.backbone, whole.classifier
        self.classifier[0].project[3].p = 0.0
        del self.classifier[4]

    def forward(self, x):
        return self.classifier(self.backbone(x)["out"])


def initial(name, shape):
    if len(shape) == 4:
        bound = np.sqrt(6.0 / np.prod(shape[1:]))
        return uniform(name, shape, -bound, bound)
    if name.endswith("weight") or name.endswith("running_var"):
        return uniform(name, shape, 0.5, 1.5)
    return uniform(name, shape, -0.1, 0.1)


def number(value):
    return f"{float(value):.12g}"


def sample(name, tensor):
    flat = tensor.detach().flatten()
    indices = sorted({int(h % np.uint64(flat.numel())) for h in hashed("at " + name, 6)})
    return " ".join([number(flat.norm()), str(len(indices))] + [f"{i} {number(flat[i])}" for i in indices])


def report(network, model):
    print(network, "parameters", getattr(model, "count", sum(p.numel() for p in model.parameters())))
    model = model.double()
    with torch.no_grad():
        for name, t in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                t.copy_(initial(name, tuple(t.shape)))
    x = uniform("image", SHAPE, -2.0, 2.0).double()
    y = model.eval()(x)
    print(network, "eval", sample("eval", y))
    (y * uniform("cotangent", tuple(y.shape), -1.0, 1.0)).sum().backward()
    for name, p in model.named_parameters():
        print(network, "grad", name, sample(name, p.grad))
    print(network, "train", sample("train", model.train()(x)))


report("deeplab", DeepLab())
report("unet", UNet(8))
