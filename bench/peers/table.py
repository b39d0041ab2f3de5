#!/usr/bin/python3
"""Prints one table of our times and the peers'. Usage: table.py OURS PEERS.

OURS is a folder of bareseg_bench's JSON files (--benchmark_out), PEERS a file of the peers' lines. The median over the
rounds is shown; a ratio is the peer's time over ours. A bar holds against the peer's fastest variant.
"""
import json
import pathlib
import statistics
import sys

# Least ratios asked for; those of the network hold on a processor with AMX.
BARS = {
    ("train_step/fp32", "PyTorch"): 1.4,
    ("train_step/bf16", "PyTorch"): 1.6,
    ("kmeans/27", "scikit-learn"): 2.3,
    ("two_views", "Pillow + torchvision"): 8.0,
}


def our_rows(folder):
    rows = {}
    for file in sorted(pathlib.Path(folder).glob("*.json")):
        for run in json.loads(file.read_text())["benchmarks"]:
            if run["run_type"] == "iteration":
                name = run["run_name"].split("/real_time")[0].split("/iterations")[0]
                rows.setdefault(name, []).append(run)
    return rows


def peer_rows(file):
    rows = {}
    for line in pathlib.Path(file).read_text().splitlines():
        row = json.loads(line)
        rows.setdefault(row["name"], {}).setdefault(row["variant"], []).append(row)
    return rows


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def main():
    ours, peers = our_rows(sys.argv[1]), peer_rows(sys.argv[2])
    print("| benchmark | program | ms | ratio | bar | resident MB |\n| --- | --- | ---: | ---: | ---: | ---: |")
    for name, runs in ours.items():
        ms = median(runs, "real_time")
        tensors = f" (tensors {median(runs, 'peak_MB'):.0f})"
        print(f"| {name} | bareseg | {ms:.1f} | | | {median(runs, 'resident_MB'):.0f}{tensors} |")
        for variant, rows in peers.get(name, {}).items():
            if "mean" in rows[0] and abs(rows[0]["mean"] - runs[0]["mean"]) > 1e-5:
                sys.exit(f"{name}: {variant} computed other views: mean {rows[0]['mean']}, ours {runs[0]['mean']}")
            bar = next((b for (n, peer), b in BARS.items() if n == name and variant.startswith(peer)), "")
            theirs = median(rows, "ms")
            print(f"| | {variant} | {theirs:.1f} | {theirs / ms:.2f} | {bar} | {median(rows, 'resident_MB'):.0f} |")


if __name__ == "__main__":
    main()
