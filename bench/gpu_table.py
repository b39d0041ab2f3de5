#!/usr/bin/env python3
"""Prints what scripts/gpu_check.sh measured beside what is asked of one H200. Usage: gpu_table.py RESULTS_FOLDER

A part that was not run, or did not come to its end, gives "not measured".
"""
import json
import pathlib
import sys

NOT_MEASURED = "not measured"
folder = pathlib.Path(sys.argv[1]) if len(sys.argv) == 2 else sys.exit(__doc__)


def read(name):
    try:
        return json.loads((folder / f"{name}.json").read_text())
    except (OSError, ValueError):
        return {}


def training(name, key):
    return read(f"training_{name}").get(key)


def kernel(name, dtype):
    for row in read("kernels").get("kernels", []):
        if row["name"] == name and row["dtype"] == dtype:
            return row.get("ms")
    return None


def peer(part, variant, key="ms"):
    """The least over the variants whose names hold `variant`."""
    rows = read(f"peers_{part}").get("rows", [])
    return min((row[key] for row in rows if variant in row["variant"] and key in row), default=None)


def second_epoch_seconds():
    try:
        lines = (folder / "coco" / "metrics.jsonl").read_text().splitlines()
        return json.loads(lines[1])["seconds"]["total"]
    except (OSError, IndexError, ValueError, KeyError):
        return None


def loading_percent():
    figures = read("loading")
    if not figures:
        return None
    middle = [sorted(figures[key])[1] for key in ("views_images_per_s", "decoded_images_per_s")]
    return 100.0 * middle[0] / middle[1]


def number(value, unit, scale=1.0):
    return NOT_MEASURED if value is None else f"{value * scale:.3g} {unit}"


def row(label, what, target, ours, theirs=None, peer_text="", unit="ms", scale=1.0):
    ratio = f" ({theirs / ours:.2f}x)" if ours and theirs else ""
    beside = f"{number(theirs, unit, scale)}{ratio}, {peer_text}" if peer_text else ""
    print(f"| {label} | {what} | {target} | {number(ours, unit, scale)} | {beside} |")


def main():
    print("| | what | target | bareseg | PyTorch, same run |\n| --- | --- | ---: | ---: | --- |")
    for label, target, size in (("G1", "8.2 ms", "18_320_128"), ("G2", "28.5 ms", "50_320_128")):
        what = f"training step, ResNet-{size[:2]}-FPN, 320 x 320, batch 128, bfloat16"
        ours, part = training(f"{size}_bf16", "ms"), f"training_{size}"
        row(label, what, target, ours, peer(part, "bf16"), "its fastest bfloat16")
        row("G3", "the same against the authors' way", "2.5x", ours, peer(part, "NCHW TF32"), "TF32 in NCHW")
    row("G5", "training step, ResNet-18-FPN, 160 x 160, batch 8, one CUDA graph", "5x", training("18_160_8_bf16", "ms"),
        peer("training_18_160_8", "eager"), "its fastest eager")
    row("G6", "from the program's start to the end of the first step, ResNet-50-FPN, batch 128", "5x",
        training("50_320_128_bf16", "first_step_s"), peer("first_step", "compile", "first_step_s"), "torch.compile",
        unit="s")
    row("G7", "k-means assignment, 819,200 x 128, K = 27, bfloat16", "80 us", kernel("kmeans_assign/27", "bf16"),
        unit="us", scale=1e3)
    for dtype, target, theirs in (("bf16", "110 us", "bf16"), ("fp32", "200 us", "TF32")):
        row("G8", f"a whole Lloyd iteration of the same, {dtype}", target, kernel("kmeans_iteration/27", dtype),
            peer("kmeans", theirs), "its fastest", unit="us", scale=1e3)
    row("G11", "two augmented views of 128 images of 640 x 480, bfloat16", "1.2 ms, 5x", kernel("augment/both", "bf16"),
        peer("views", "one draw a batch"), "torchvision, batched")
    row("G12", "JPEG in memory to two views on the GPU, of libjpeg-turbo's rate alone", "90 %", loading_percent(),
        unit="%")
    row("G13", "PiCIE's loss, forward and gradient, two label sets, bfloat16", "160 us",
        kernel("cosine_cluster_loss/2", "bf16"), peer("loss", "bf16"), "its fastest", unit="us", scale=1e3)
    row("G15", "an epoch of PiCIE on 49,629 images of COCO's size, decoded before", "20 s", second_epoch_seconds(),
        unit="s")
    ours = training("50_320_128_bf16", "peak_tensor_bytes")
    row("G17", "peak of device memory, ResNet-50-FPN, batch 128", "0.8x", ours and ours * 1e-6,
        peer("training_50_320_128", "eager channels_last bf16", "peak_MB"), "eager", unit="MB")


if __name__ == "__main__":
    main()
