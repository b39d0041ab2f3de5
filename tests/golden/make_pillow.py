#!/usr/bin/env python3
"""Writes pillow.bin: what Pillow, torchvision and torch make of small pictures (made with Pillow 9.4, torch 1.13).

A record is int32 op, mask, height, width, channels, out_height, out_width; float32 params[8]; the result, uint8 (float32
for op WINDOW), [out_height, out_width, channels]. The picture is not stored: record n starts from
state = 0x9E3779B9 * (n + 1), and each byte is the top one of state <- 1664525 * state + 1013904223, and-ed with mask.
"""
import os

import numpy as np
import torch
import torchvision.transforms as T
import torchvision.transforms.functional as F
from PIL import Image, ImageEnhance, ImageFilter

BRIGHTNESS, CONTRAST, SATURATION, HUE, GREY, BLUR, RESIZE, NEAREST, BASE, BASE_LABELS, CHAIN, WINDOW = range(12)
records = []


def picture(height, width, channels, mask):
    state = (0x9E3779B9 * (len(records) + 1)) & 0xFFFFFFFF
    data = np.empty(height * width * channels, np.uint8)
    for i in range(data.size):
        state = (1664525 * state + 1013904223) & 0xFFFFFFFF
        data[i] = (state >> 24) & mask
    return data.reshape(height, width, channels)


def hue_shifted(image, shift):
    hsv = np.array(image.convert("HSV"))
    hsv[..., 0] += np.uint8(shift & 255)
    return Image.fromarray(hsv, "HSV").convert("RGB")


def coloured(image, params):
    """The whole chain in its fixed order; a brightness factor of -1 and the like mean: not applied."""
    brightness, contrast, saturation, shift, grey, radius = params[:6]
    if brightness >= 0:
        image = ImageEnhance.Brightness(image).enhance(brightness)
    if contrast >= 0:
        image = ImageEnhance.Contrast(image).enhance(contrast)
    if saturation >= 0:
        image = ImageEnhance.Color(image).enhance(saturation)
    if shift != 0:
        image = hue_shifted(image, int(shift))
    if grey:
        image = image.convert("L").convert("RGB")
    if radius != 0:
        image = image.filter(ImageFilter.GaussianBlur(radius))
    return image


def normalized(image):
    return F.normalize(F.to_tensor(image), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def window(image, params):
    row, col, size, side, flip_horizontal, flip_vertical = (int(p) for p in params[:6])
    x = normalized(image)[:, row:row + size, col:col + size][None]
    y = torch.nn.functional.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
    y = torch.flip(y, [3]) if flip_horizontal else y
    return (torch.flip(y, [2]) if flip_vertical else y)[0].permute(1, 2, 0).contiguous().numpy()


def result(op, image, params):
    f = float(params[0])
    if op in (BRIGHTNESS, CONTRAST, SATURATION):
        return {BRIGHTNESS: ImageEnhance.Brightness, CONTRAST: ImageEnhance.Contrast,
                SATURATION: ImageEnhance.Color}[op](image).enhance(f)
    if op == HUE:
        return hue_shifted(image, int(f))
    if op == GREY:
        return image.convert("L").convert("RGB")
    if op == BLUR:
        return image.filter(ImageFilter.GaussianBlur(f))
    size = (int(params[7]), int(params[6]))
    if op in (RESIZE, NEAREST):
        return image.resize(size, Image.BILINEAR if op == RESIZE else Image.NEAREST)
    if op in (BASE, BASE_LABELS):
        mode = T.InterpolationMode.BILINEAR if op == BASE else T.InterpolationMode.NEAREST
        return F.center_crop(F.resize(image, size[0], mode), [size[0], size[0]])
    if op == CHAIN:
        return coloured(image, params).resize(size, Image.BILINEAR)
    return window(image, params)


def add(op, height, width, params, channels=3, mask=255, out=None):
    params = np.array((list(params) + [0] * 8)[:8], np.float32)
    if out is not None:
        params[6:] = out
    data = picture(height, width, channels, mask)
    image = Image.fromarray(data if channels == 3 else data[..., 0])
    made = np.asarray(result(op, image, params))
    head = np.array([op, mask, height, width, channels, made.shape[0], made.shape[1]], np.int32)
    records.append(head.tobytes() + params.tobytes() + made.tobytes())


for op in (BRIGHTNESS, CONTRAST, SATURATION):
    for i, f in enumerate((0.7, 0.89762700, 1.0, 1.17879132, 1.3, 0.0, 2.5)):
        add(op, 11, 7 + i, [f], mask=255 if i % 2 else 0xF0)
for i, shift in enumerate((-25, -12, 0, 1, 25, 128)):
    add(HUE, 13, 9 + i, [shift], mask=255 if i % 2 else 0xE0)
add(GREY, 11, 13, [])
for radius in np.linspace(-1.8, 0.1, 39):
    add(BLUR, 9, 11, [radius], channels=1)
for radius in (1.3, -1.3, 2.5, 4.75, 9.0):
    add(BLUR, 17, 15, [radius])
add(BLUR, 1, 7, [1.5])
add(BLUR, 7, 1, [1.5])
for i, (height, width, out_height, out_width) in enumerate((
        (32, 32, 16, 16), (24, 32, 32, 43), (33, 7, 7, 33), (17, 29, 17, 11), (5, 5, 5, 5), (1, 1, 4, 3), (41, 37, 3, 2),
        (21, 20, 22, 19))):
    add(RESIZE, height, width, [], out=(out_height, out_width), channels=3 if i % 2 else 1)
    add(NEAREST, height, width, [], out=(out_height, out_width), channels=1)
for height, width, side in ((15, 20, 24), (37, 21, 16), (19, 19, 8), (9, 33, 9), (43, 64, 32)):
    add(BASE, height, width, [], out=(side, side))
    add(BASE_LABELS, height, width, [], out=(side, side), channels=1)
for i, params in enumerate(([0.9, 1.2, 0.8, -18, 0, -1.3], [1.3, -1, 1.1, 20, 1, 0], [-1, 0.75, -1, 0, 0, -0.4],
                            [-1, -1, -1, 0, 0, 0], [1.05, 0.95, 1.25, 7, 0, -1.75])):
    add(CHAIN, 34, 34, params, out=(17, 17))
    add(CHAIN, 21, 21, params, out=(16, 16), mask=0xF8 if i % 2 else 255)
for params in ((3, 5, 24, 20, 0, 0), (0, 0, 40, 20, 1, 0), (15, 16, 21, 20, 0, 1), (7, 0, 33, 17, 1, 1), (2, 3, 9, 20, 0, 0)):
    add(WINDOW, 40, 40, params)
# Rows that fill vector registers and leave some over.
for radius in (-0.9, -1.75):
    add(BLUR, 35, 67, [radius])
for height, width, out_height, out_width, channels in (
        (70, 140, 35, 70, 1), (36, 45, 48, 60, 3), (60, 80, 45, 61, 3), (90, 48, 40, 100, 1)):
    add(RESIZE, height, width, [], out=(out_height, out_width), channels=channels)

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pillow.bin")
with open(path, "wb") as file:
    for record in records:
        file.write(record)
print(len(records), "records,", os.path.getsize(path), "bytes")
