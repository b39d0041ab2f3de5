#!/usr/bin/python3
"""The two views of bench/views.cpp with Pillow and torchvision, as PiCIE's authors make them, on one core.

Usage: pillow_views.py PHOTO, the JPEG that bareseg_bench left where BARESEG_BENCH_PHOTO says. The same 64 draws of the
transforms are used, and the mean of all views is printed for comparison.
"""
import io
import random
import sys

import numpy as np
import torch
import torch.nn.functional as F
import torchvision.transforms.functional as TF
from PIL import Image, ImageFilter

from measure import median_ms, report

BASE, VIEW, DRAWS, SEED = 640, 320, 64, 2021
COLOURS = ("brightness", "contrast", "saturation", "hue")


def draw_transforms(count, seed):
    """The authors' random numbers of the first epoch, for `count` images; data/augment_plan.h replays them."""
    np.random.seed(seed)
    random.seed(seed)
    for _ in range(2):  # once when the data set is made, once for the epoch
        np.random.shuffle(np.arange(count))
        d = {}
        for colour in COLOURS:
            low, high = (-0.1, 0.1) if colour == "hue" else (0.7, 1.3)
            for view in range(2):
                d[colour, view] = [np.random.random(count), [random.uniform(low, high) for _ in range(count)]]
        for name in ("grey", "blur"):
            for view in range(2):
                d[name, view] = np.random.random(count)
        d["hflip"], d["vflip"] = np.random.random(count), np.random.random(count)
        d["scale"] = np.random.uniform(0.5, 1.0, count)
        d["place"] = np.random.uniform(0.0, 1.0, (count, 2))
    return d


ADJUST = dict(zip(COLOURS, (TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation, TF.adjust_hue)))


def coloured(image, d, i, view):
    for colour in COLOURS:
        probability, value = d[colour, view]
        if probability[i] < 0.8:
            image = ADJUST[colour](image, value[i])
    if d["grey", view][i] < 0.2:
        image = TF.to_grayscale(image, 3)
    if d["blur", view][i] < 0.5:
        image = image.filter(ImageFilter.GaussianBlur((d["blur", view][i] - 0.5) * 3.8 + 0.1))
    return image


def tensor(image):
    return TF.normalize(TF.to_tensor(image), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def base_crop(file, side):
    image = Image.open(file).convert("RGB")
    return TF.center_crop(TF.resize(image, side), side)


def crop_and_flip(x, d, i, size):
    """The geometric transforms of image i on a square map [C, side, side] -> [C, size, size]."""
    whole = x.shape[-1]
    side = int(d["scale"][i] * whole)
    row, col = (int(round((whole - side) * place)) for place in d["place"][i])
    x = x[:, row:row + side, col:col + side]
    x = F.interpolate(x[None], size=size, mode="bilinear", align_corners=False)[0]
    return x.flip(2) if d["hflip"][i] < 0.5 else x


def first_view(image, d, i, size):
    return crop_and_flip(tensor(coloured(image, d, i, 0)), d, i, size)


def second_view(image, d, i, size):
    """Without the geometric transforms, which follow on its features."""
    return tensor(TF.resize(coloured(image, d, i, 1), size))


def views(jpeg, d, i):
    image = base_crop(io.BytesIO(jpeg), BASE)
    return first_view(image, d, i, VIEW), second_view(image, d, i, VIEW)


def main():
    torch.set_num_threads(1)
    with open(sys.argv[1], "rb") as file:
        jpeg = file.read()
    d = draw_transforms(DRAWS, SEED)
    mean = np.mean([[view.double().mean().item() for view in views(jpeg, d, i)] for i in range(DRAWS)])
    ms = median_ms(lambda: [views(jpeg, d, i) for i in range(DRAWS)], 0.0, 1) / DRAWS
    report("two_views", "Pillow + torchvision", ms, mean=mean)


if __name__ == "__main__":
    main()
