#!/usr/bin/env bash
# Feeds mutated files to every reader, under AddressSanitizer and UndefinedBehaviorSanitizer; stops at the first bug.
#   scripts/fuzz.sh [SECONDS [TARGET...]]    SECONDS for each target, 60 by default; targets: tests/fuzz/fuzz_<target>.cpp
# What was found interesting is kept in build/fuzz/corpus, so that later runs go on from there. A failure leaves its
# input as build/fuzz/<target>-crash-..., which the program build/asan/fuzz_<target> takes as its argument.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
targets=("${@:2}")
if [[ ${#targets[@]} == 0 ]]; then
  for source in tests/fuzz/fuzz_*.cpp; do
    name=${source##*/fuzz_}
    targets+=("${name%.cpp}")
  done
fi

cmake --preset asan >/dev/null
cmake --build --preset fuzz

# The golden files that each reader starts from.
seeds_of() {
  case "$1" in
    jpeg) ls tests/golden/images/*.jpg ;;
    png) ls tests/golden/images/*.png ;;
    safetensors) ls tests/golden/*.safetensors ;;
    torch) ls tests/golden/torch_files/* ;;
    npy) ls tests/golden/numpy/* ;;
    config) ls tests/golden/config.toml ;;
    experiment) ls experiments/*.toml ;;
    *) echo "fuzz: no such target: $1" >&2; return 2 ;;
  esac
}

fuzz() {
  local target=$1 seeds
  local corpus=build/fuzz/corpus/$target
  seeds=$(seeds_of "$target")
  mkdir -p "$corpus"
  cp $seeds "$corpus"
  if ! build/asan/fuzz_"$target" "$corpus" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 \
    -print_final_stats=1 -artifact_prefix=build/fuzz/"$target"- >build/fuzz/"$target".log 2>&1; then
    tail -50 build/fuzz/"$target".log
    echo "fuzz: $target failed" >&2
    return 1
  fi
  echo "fuzz: $target: $(sed -n 's/^stat::number_of_executed_units: *//p' build/fuzz/"$target".log) inputs, nothing found"
}

export -f fuzz seeds_of
export seconds
printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'set -euo pipefail; fuzz "$1"' _
