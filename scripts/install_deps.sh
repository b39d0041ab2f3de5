#!/usr/bin/env bash
# Installs with apt what the build needs and this machine lacks, and nothing else. Does nothing when all is there.
#   scripts/install_deps.sh            what scripts/demo.sh and scripts/test.sh need
#   scripts/install_deps.sh --checks   also the programs of scripts/check.sh
set -euo pipefail

# One need a line; any of its alternatives will do, the last one is installed.
needs=(
  "g++" "cmake" "ninja-build" "ccache" "git" "pkgconf|pkg-config"
  "libdnnl-dev"
  "libjpeg62-turbo-dev|libjpeg-turbo8-dev|libjpeg-dev" "libpng-dev" "zlib1g-dev" "libminizip-dev"
  "libcli11-dev" "libspdlog-dev" "libfmt-dev" "nlohmann-json3-dev" "libtomlplusplus-dev"
  "libgtest-dev" "libbenchmark-dev" "libboost-context-dev"
)
case "${1:-}" in
  "") ;;
  # libomp-dev: the omp.h that clang-tidy and Clang read; libclang-rt: the sanitizers and the fuzzer; python3: reads the
  # peers of the GPU's benches, which come as scripts.
  --checks) needs+=("clang-format" "clang-tidy" "libomp-dev" "clang" "libclang-rt-14-dev|libclang-rt-dev" "python3") ;;
  *) echo "usage: $0 [--checks]" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  {
    echo "This script knows apt only, and this system has none. Please install with its own package manager:"
    echo "  GCC 12 or newer with OpenMP, CMake 3.25 or newer, Ninja, git, pkg-config; ccache if you like"
    echo "  (Clang 14 does, for a program that then needs its OpenMP runtime, libomp)"
    echo "  oneDNN 2.6 or 2.7, libjpeg-turbo, libpng, zlib, minizip"
    echo "  CLI11, spdlog, fmt, nlohmann-json, toml++, GoogleTest, Boost.Context; Google Benchmark for the benchmarks"
    echo "  Clang 14 with compiler-rt, clang-format 14 and clang-tidy 14 for scripts/check.sh"
    echo "and then build with:  cmake --preset release && cmake --build --preset release && ctest --preset release"
  } >&2
  exit 1
fi

installed() { [[ "$(dpkg-query -W -f='${Status}' "$1" 2>/dev/null)" == "install ok installed" ]]; }

missing=()
for need in "${needs[@]}"; do
  found=""
  for package in ${need//|/ }; do
    if installed "$package"; then found=yes; fi
  done
  [[ -n "$found" ]] || missing+=("${need##*|}")
done
if [[ ${#missing[@]} == 0 ]]; then
  echo "set-up: all ${#needs[@]} packages are installed"
  exit 0
fi

as_root=()
if [[ "$(id -u)" != 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "These packages are missing and need root (there is no sudo here). As root, run:" >&2
    echo "  apt-get update && apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "set-up: installing ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
