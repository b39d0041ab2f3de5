#!/usr/bin/env python3
"""PyTorch on a GPU at the sizes of `bareseg bench`: training steps, a k-means iteration, two augmented views, the loss.

Usage: torch_gpu.py [--only NAME,...] [--variant PART] [--no-compile] [--json FILE]

Names: training_DEPTH_SIDE_BATCH of three sizes, kmeans, views, loss. Each is timed in the ways that people write it:
float32 in NCHW, without and with TF32, as PiCIE's authors; channels_last with bfloat16 autocast; the latter through
torch.compile. A training's first_step_s counts from the program's start where its variant is the only one, else from
its own. What is missing is skipped and said; without PyTorch or a GPU the exit code is 77.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from functools import partial

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    torch = None

NOTHING_MEASURED = 77
CLASSES, DIMS, FEATURE_SIDE, VIEWS_BATCH, IMAGE_HEIGHT, BASE, VIEW = 27, 128, 80, 128, 480, 640, 320
POINTS = VIEWS_BATCH * FEATURE_SIDE * FEATURE_SIDE
TRAINING = ((18, 320, 128), (50, 320, 128), (18, 160, 8))
# text, dtype, TF32
PRECISIONS = (("fp32", "float32", False), ("TF32", "float32", True), ("bf16", "bfloat16", True))
rows = []
json_file, wanted = None, ""


def report(name, variant, ms, **more):
    rows.append({"name": name, "variant": variant, "ms": ms, **more})
    rest = "".join(f", {key} {value:.1f}" for key, value in more.items())
    print(f"{name:28} {variant:32} {ms:10.3f} ms{rest}", flush=True)
    write_json()


def skipped(name, variant, why):
    rows.append({"name": name, "variant": variant, "skipped": why})
    print(f"{name:28} {variant:32} skipped: {why}", flush=True)
    write_json()


def write_json():
    """After each row: a time limit may end the program at any moment."""
    if json_file:
        with open(json_file, "w") as file:
            json.dump({**about(), "rows": rows}, file, indent=1)


def about():
    nvidia_smi = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        driver = subprocess.run(nvidia_smi, capture_output=True, text=True).stdout.split("\n")[0]
    except OSError:
        driver = ""
    return {"gpu": torch.cuda.get_device_name(), "driver": driver, "torch": torch.__version__,
            "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}


def cold_ms(run, runs=30):
    """Median over runs, each with caches full of other data, which keep the GPU busy while the host queues the work."""
    other = torch.zeros(1 << 28, device="cuda")
    times = []
    for i in range(-3, runs):
        other.sum()
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        stop.record()
        stop.synchronize()
        if i >= 0:
            times.append(start.elapsed_time(stop))
    return statistics.median(times)


def step_ms(step, steps=20, rounds=3, warm_up=5):
    """Median over rounds of `steps` steps, the host running ahead, as `bareseg bench training` counts."""
    for _ in range(warm_up):
        step()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) * 1e3 / steps)
    return statistics.median(times)


def timed(name, variant, work):
    """work() measures and reports. A variant that fails does not stop the others."""
    try:
        work()
    except Exception as error:  # of compilers and kernels, of many kinds
        skipped(name, variant, f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}")
    torch.cuda.empty_cache()


def normalized(*shape, dtype):
    return F.normalize(torch.randn(*shape, device="cuda"), dim=1).to(dtype)


# ---- training ----


def resnet_fpn(depth):
    import torchvision

    class ResNetFpn(torch.nn.Module):
        def __init__(self):
            super().__init__()
            net = getattr(torchvision.models, f"resnet{depth}")()
            widths = (64, 128, 256, 512) if depth < 50 else (256, 512, 1024, 2048)
            out = DIMS if depth < 50 else 2 * DIMS
            self.stem = torch.nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
            self.stages = torch.nn.ModuleList([net.layer1, net.layer2, net.layer3, net.layer4])
            self.laterals = torch.nn.ModuleList([torch.nn.Conv2d(c, out, 1) for c in widths])

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

    return ResNetFpn()


def seconds_since_start():
    """Of this program, its imports included."""
    with open("/proc/self/stat") as stat, open("/proc/uptime") as uptime:
        ticks = int(stat.read().rsplit(")", 1)[1].split()[19])
        return float(uptime.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")


def train(name, variant, size, layout, bf16, compile_mode, alone):
    depth, side, batch = size
    begin = 0.0 if alone else seconds_since_start()
    torch.manual_seed(1)
    network = resnet_fpn(depth).cuda().to(memory_format=layout)
    x = torch.randn(batch, 3, side, side, device="cuda").contiguous(memory_format=layout)
    adam = torch.optim.Adam(network.parameters(), lr=1e-4, fused=bf16)  # the authors' is not
    centroids = 0.1 * torch.randn(CLASSES, network.laterals[0].out_channels, 1, 1, device="cuda")
    labels = torch.randint(CLASSES, (batch, side // 4, side // 4), device="cuda")
    weights = 0.5 + torch.rand(CLASSES, device="cuda")

    def loss_of(x):
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16):
            logits = F.conv2d(F.normalize(network(x), dim=1), centroids)
        return F.cross_entropy(logits.float(), labels, weights)

    if compile_mode:
        loss_of = torch.compile(loss_of, mode=compile_mode)

    def step():
        loss = loss_of(x)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()

    step()
    torch.cuda.synchronize()
    first = seconds_since_start() - begin
    ms = step_ms(step)
    report(name, variant, ms, images_per_s=batch / ms * 1e3, first_step_s=first,
           peak_MB=torch.cuda.max_memory_allocated() * 1e-6)


def bench_training(size, compiled):
    name = "training/{}_{}_{}".format(*size)
    variants = [
        ("eager NCHW fp32", False, torch.contiguous_format, False, None),
        ("eager NCHW TF32", True, torch.contiguous_format, False, None),
        ("eager channels_last bf16", True, torch.channels_last, True, None),
    ]
    if compiled:
        mode = "reduce-overhead" if size[2] < 32 else "max-autotune"
        variants.append((f"compile {mode} bf16", True, torch.channels_last, True, mode))
    variants = [v for v in variants if wanted in v[0]]
    for variant, tf32, layout, bf16, mode in variants:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True
        timed(name, variant, lambda: train(name, variant, size, layout, bf16, mode, len(variants) == 1))


# ---- k-means ----


def lloyd(points, centroids):
    clusters = centroids.shape[0]
    scores = points @ centroids.to(points.dtype).T
    distances = centroids.square().sum(1) - 2 * scores.float()
    least, labels = distances.min(1)
    inertia = least.sum() + points.float().square().sum()
    sums = torch.zeros(clusters, points.shape[1], device="cuda").index_add_(0, labels, points.float())
    counts = torch.zeros(clusters, dtype=torch.int64, device="cuda")
    counts.index_add_(0, labels, torch.ones_like(labels))
    return sums / counts.clamp(min=1)[:, None], counts, inertia


def bench_kmeans(compiled):
    for clusters in (27, 1000):
        name = f"kmeans_iteration/{clusters}"
        for text, dtype, tf32 in PRECISIONS:
            torch.backends.cuda.matmul.allow_tf32 = tf32
            points = normalized(POINTS, DIMS, dtype=getattr(torch, dtype))
            centroids = points[:clusters].float()
            ways = [("eager", lloyd)] + ([("compile", torch.compile(lloyd))] if compiled and tf32 else [])
            for way, run in ways:
                variant = f"{way} {text}"
                timed(name, variant,
                      lambda r=run, v=variant: report(name, v, cold_ms(lambda: r(points, centroids))))


# ---- views ----


def bench_views(_):
    try:
        from torchvision.transforms import v2
    except ImportError:
        return skipped("augment/both", "torchvision", "torchvision is not here")
    images = torch.randint(256, (VIEWS_BATCH, 3, IMAGE_HEIGHT, BASE), dtype=torch.uint8, device="cuda")
    jitter = v2.RandomApply([v2.ColorJitter(0.3, 0.3, 0.3, 0.1)], p=0.8)
    colours = v2.Compose([jitter, v2.RandomGrayscale(0.2), v2.RandomApply([v2.GaussianBlur(7, (0.1, 2.0))], p=0.5)])
    finish = v2.Compose([v2.ToDtype(torch.float32, scale=True),
                         v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    crop = v2.Compose([v2.RandomResizedCrop(VIEW, scale=(0.25, 1.0), ratio=(1.0, 1.0)), v2.RandomHorizontalFlip()])
    shrink = v2.Resize(VIEW)
    square = v2.Compose([v2.Resize(BASE), v2.CenterCrop(BASE)])

    def both(pixels):
        base = square(pixels)
        crop(finish(colours(base)))
        finish(shrink(colours(base)))

    def batched():
        both(images)

    def each():
        for image in images:
            both(image)

    name = "augment/both"
    # The transforms are drawn by the library: some runs of the first draw no blur, say.
    timed(name, "torchvision, one draw a batch",
          lambda: report(name, "torchvision, one draw a batch", cold_ms(batched)))
    timed(name, "torchvision, image by image",
          lambda: report(name, "torchvision, image by image", cold_ms(each, 3)))


# ---- loss ----


def view_loss(features, centroids, labels, weights):
    unit = F.normalize(features, dim=1)
    losses = [F.cross_entropy(F.conv2d(unit, c.to(unit.dtype)).float(), l, w)
              for c, l, w in zip(centroids, labels, weights)]
    return sum(losses) / len(losses)


def bench_loss(compiled):
    shape = (VIEWS_BATCH, FEATURE_SIDE, FEATURE_SIDE)
    centroids = [torch.randn(CLASSES, DIMS, 1, 1, device="cuda") for _ in range(2)]
    labels = [torch.randint(CLASSES, shape, device="cuda") for _ in range(2)]
    weights = [torch.full((CLASSES,), 0.7, device="cuda") for _ in range(2)]
    name = "cosine_cluster_loss/2"
    for text, dtype, tf32 in PRECISIONS:
        torch.backends.cudnn.allow_tf32 = tf32
        layout = "channels_last" if text == "bf16" else "NCHW"
        features = torch.randn(VIEWS_BATCH, DIMS, FEATURE_SIDE, FEATURE_SIDE, device="cuda",
                               dtype=getattr(torch, dtype))
        features = features.contiguous(
            memory_format=torch.channels_last if layout == "channels_last" else torch.contiguous_format)
        features.requires_grad_()
        ways = [("eager", view_loss)] + ([("compile", torch.compile(view_loss))] if compiled and tf32 else [])
        for way, loss in ways:
            variant = f"{way} {layout} {text}"

            def run(loss=loss):
                features.grad = None
                loss(features, centroids, labels, weights).backward()

            timed(name, variant, lambda r=run, v=variant: report(name, v, cold_ms(r)))


def main():
    benches = {"training_{}_{}_{}".format(*size): partial(bench_training, size) for size in TRAINING}
    benches |= {"kmeans": bench_kmeans, "views": bench_views, "loss": bench_loss}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="comma-separated: " + ", ".join(benches))
    parser.add_argument("--variant", default="", help="of training, only variants whose names hold this")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out: it takes minutes")
    parser.add_argument("--json", help="file for the figures")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(benches)
    for name in names:
        if name not in benches:
            parser.error(f"unknown name {name}")
    if torch is None or not torch.cuda.is_available():
        print("torch_gpu.py:", "PyTorch is not here" if torch is None else "PyTorch sees no GPU", file=sys.stderr)
        sys.exit(NOTHING_MEASURED)
    compiled = not options.no_compile and hasattr(torch, "compile")
    if not compiled:
        print("torch.compile is left out")
    global json_file, wanted
    json_file, wanted = options.json, options.variant
    print(", ".join(f"{name} {value}" for name, value in about().items()))
    for name in names:
        benches[name](compiled)
    if not any("ms" in row for row in rows):
        sys.exit(NOTHING_MEASURED)


if __name__ == "__main__":
    main()
