#!/bin/sh
# Times bareseg beside the peers, which it installs from Debian where it can: PyTorch, scikit-learn, faiss, Pillow, and
# OpenBLAS, without which two of them would crawl.
# Usage: scripts/bench.sh [ROUNDS] [BENCHMARK...]; raw figures stay in build/bench. The programs take turns, so that a
# machine that is busy for a while slows both sides. Without AVX-512 bfloat16 is only emulated and left out; so is the
# epoch of PiCIE without CamVid, in $BARESEG_SHARED/data/camvid or ../shared/data/camvid.
set -eu
cd "$(dirname "$0")/.."
BARESEG_BENCH_CAMVID=${BARESEG_SHARED:-../shared}/data/camvid
export BARESEG_BENCH_CAMVID
rounds=${1:-3}
[ $# -eq 0 ] || shift
if [ $# -eq 0 ]; then
  set -- train_step/fp32 eval_forward/fp32 kmeans/27 kmeans/1000 two_views
  if grep -q avx512bw /proc/cpuinfo; then set -- "$@" train_step/bf16 eval_forward/bf16; fi
  if [ -d "$BARESEG_BENCH_CAMVID" ]; then set -- "$@" picie_epoch; fi
fi
out=build/bench
python=/usr/bin/python3 # Debian's own, whose packages apt installs

peers="python3-torch python3-torchvision python3-sklearn python3-faiss python3-pil libopenblas0-pthread"
if ! dpkg -s $peers >/dev/null 2>&1; then
  if [ "$(id -u)" -eq 0 ]; then sudo=; else sudo=sudo; fi
  $sudo apt-get update && $sudo apt-get install -y --no-install-recommends $peers ||
    { echo "bench.sh: install these first: $peers" >&2; exit 1; }
fi
scripts/install_deps.sh
cmake --preset release >/dev/null
cmake --build --preset release --target bareseg_bench

rm -rf "$out"
mkdir -p "$out"
BARESEG_BENCH_PHOTO=$out/photo.jpg
export BARESEG_BENCH_PHOTO
round=0
while [ "$round" -lt "$rounds" ]; do
  round=$((round + 1))
  for name in "$@"; do
    echo "round $round of $rounds: $name" >&2
    build/release/bareseg_bench --benchmark_filter="^$name(/|\$)" --benchmark_min_time=3 --benchmark_out_format=json \
      --benchmark_out="$out/$round.$(echo "$name" | tr / _).json" >/dev/null
    case $name in
      kmeans/*) $python bench/peers/kmeans.py "$name" ;;
      picie_epoch) $python bench/peers/picie_epoch.py "$BARESEG_BENCH_CAMVID" ;;
      two_views) $python bench/peers/pillow_views.py "$BARESEG_BENCH_PHOTO" ;;
      train_step/* | eval_forward/*) $python bench/peers/torch_cpu.py "$name" ;;
    esac >>"$out/peers.jsonl"
  done
done
$python bench/peers/table.py "$out" "$out/peers.jsonl"
