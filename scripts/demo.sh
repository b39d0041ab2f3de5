#!/usr/bin/env bash
# Sets up, builds, and lets PiCIE learn to segment rendered scenes from their pixels alone, about ten minutes on two
# cores from a clean clone. Leaves everything in demo/: the run in demo/run, pictures in demo/pictures.
set -euo pipefail
cd "$(dirname "$0")/.."

# Only a folder that this script made is taken away.
if [[ -e demo && ! -e demo/.made-by-demo ]]; then
  echo "demo/ exists and is not from this script; please move it away" >&2
  exit 1
fi
rm -rf demo

scripts/install_deps.sh
cmake --preset release
cmake --build --preset release --target bareseg

mkdir demo
touch demo/.made-by-demo
bareseg=build/release/bareseg

echo
echo "== Training without labels"
"$bareseg" train picie --preset demo --out demo/run
echo
echo "== What it has learned, beside simpler ways to group pixels"
"$bareseg" baseline --dataset scenes --resolution 128 --with demo/run/best.safetensors
"$bareseg" predict demo/run/best.safetensors --dataset scenes --out demo/pictures --count 16
echo
echo "Photograph, truth and prediction side by side: demo/pictures"
echo "Losses and scores of every epoch:              demo/run"
