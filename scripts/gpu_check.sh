#!/usr/bin/env bash
# Checks and times the built program on a machine with an NVIDIA GPU. That machine needs a driver, cuDNN 9 and cuBLASLt,
# in system folders or in the nvidia packages of its python3, and no toolkit; the executables may come from elsewhere.
#
#   scripts/gpu_check.sh [--only STEP,...] [--camvid DIR] [--out DIR] [BUILD_DIR]
#   scripts/gpu_check.sh --pack DIR [BUILD_DIR]
#
# The second form puts into DIR what the first one needs on another machine: itself, the executables, stripped, the
# tests' data, the peers' script, and losses computed here, since that machine may lack oneDNN.
#
#   --only    some of the steps below, in place of all
#   --camvid  folder of CamVid: train on it as well
#   --out     where results go (default: results): steps.json and other figures, a log per step, gpu_check.md
#   BUILD_DIR where the executables are (default: beside this script, else build/release)
#
# Steps: tests      device tests of every primitive, layer and of clustering
#        sanitizer  the same under compute-sanitizer's memcheck and racecheck, where that is at hand
#        agreement  losses of 20 steps on rendered scenes, and loss and mIoU after an epoch of PiCIE, as on the CPU; the
#                   same seed twice, the same bits, and with a CUDA graph as without
#        scenes     PiCIE on rendered scenes
#        camvid     PiCIE on CamVid, where --camvid names it
#        coco       two epochs of PiCIE on 49,629 images of COCO's size; the second finds them decoded
#        kernels    bareseg bench kernels
#        training   bareseg bench training at the sizes of the peers
#        loading    bareseg bench loading
#        ladders    bench/ladder
#        peers      PyTorch at the same sizes, where python3 has it
# Every part has a time limit and none stops the others. Exit code: 0 when none failed.
set -uo pipefail

readonly steps_known=(tests sanitizer agreement scenes camvid coco kernels training loading ladders peers)
readonly tests=(test_ops_cuda test_layers_cuda test_cluster_cuda test_cuda)
readonly max_pack_bytes=$((60 << 20))
readonly not_run=77 # exit code of a part that lacks something
readonly advice="build it with: cmake --build --preset release --target bareseg gpu_tests ladders"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
}

# Prints the path of an executable; fails where there is none.
program() {
  local folder
  for folder in ${build:+"$build"} "$here" "$here/../build/release"; do
    if [[ -x "$folder/$1" && -f "$folder/$1" ]]; then
      echo "$folder/$1"
      return
    fi
  done
  echo "$1 is missing; $advice"
  return 1
}

# Prints the path of a Python script, beside this one or in a folder of the source.
beside() { # NAME FOLDER
  local file
  for file in "$here/$1" "$here/../$2/$1"; do
    if [[ -f "$file" ]]; then
      echo "$file"
      return
    fi
  done
  echo "$1 is missing"
  return 1
}

ladders() {
  local folder file
  for folder in ${build:+"$build"} "$here" "$here/../build/release"; do
    for file in "$folder"/ladder_*; do
      if [[ -x "$file" && -f "$file" ]]; then basename "$file"; fi
    done
  done | sort -u
}

# ---- running ----

results=() # "name|result|seconds|note"
failures=0

limited() { timeout -k 10 "$limit" "$@"; }

# part NAME SECONDS FUNCTION ARGUMENT...: runs it with its output in NAME.log; it may set `note`.
part() {
  local start=$SECONDS code result
  part=$1 limit=$2 note=""
  shift 2
  echo "== $part" >&2
  "$@" >"$out/$part.log" 2>&1
  code=$?
  case $code in
    0) result=passed ;;
    "$not_run") result="not run" ;;
    124 | 137) result="timed out after $limit s" ;;
    *) result="failed ($code)" ;;
  esac
  if [[ $code != 0 && -z "$note" ]]; then note=$(grep -v '^ *$' "$out/$part.log" | tail -n 1 | cut -c 1-200); fi
  if [[ $code != 0 && $code != "$not_run" ]]; then failures=$((failures + 1)); fi
  results+=("$part|$result|$((SECONDS - start))|${note//|//}")
  echo "   $result in $((SECONDS - start)) s${note:+: $note}" >&2
}

# ---- parts ----

device_tests() { # PROGRAM FILTER
  local path passed skipped
  path=$(program "$1") || { echo "$path"; return 1; }
  (cd "$root" && limited "$path" --gtest_filter="$2" --gtest_color=no)
  local code=$?
  passed=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$out/$part.log")
  skipped=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' "$out/$part.log")
  note="${passed:-0} passed, ${skipped:-0} skipped"
  if [[ $code == 0 && ${passed:-0} == 0 ]]; then code=1; fi
  return "$code"
}

sanitizer() { # TOOL PROGRAM
  local path tool
  path=$(program "$2") || { echo "$path"; return 1; }
  tool=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null) ||
    { echo "compute-sanitizer is not here"; return "$not_run"; }
  # Without the vendors' kernels.
  (cd "$root" && limited "$tool" --tool "$1" --error-exitcode 1 "$path" \
    --gtest_filter='*/cuda-*Conv*:*Matmul*:*Linear*' --gtest_color=no)
  local code=$?
  if grep -q 'Device not supported' "$out/$part.log"; then
    note="compute-sanitizer does not support this device"
    return "$not_run"
  fi
  note=$(grep 'ERROR SUMMARY\|RACECHECK SUMMARY' "$out/$part.log" | tail -n 1 | sed 's/^=* *//')
  return "$code"
}

# 20 steps in float32 without TF32.
steps_on() { # DEVICE FILE OPTION...
  limited "$bareseg" bench training --device "$1" --dtype fp32 --side 64 --batch 8 --warm-up 2 --steps 6 \
    --plans "$out/plans.txt" --json "$2" "${@:3}"
}

# An epoch of 20 steps.
epoch_on() { # DEVICE FOLDER
  rm -rf "$2"
  limited "$bareseg" train picie --preset demo --scenes 160 --epochs 1 --device "$1" --dtype fp32 \
    --plans "$out/plans.txt" --out "$2"
}

losses_of() { tr -d ' \n' <"$1" | sed 's/.*"losses":\[\([^]]*\)\].*/\1\n/' | tr ',' '\n'; }
epoch_of() {
  sed -n '1s/.*"loss":\([-+.0-9e]*\).*"view1":.*"mIoU":\([-+.0-9e]*\).*"view2".*/\1 \2/p' "$1/metrics.jsonl"
}

# What the CPU computes: brought along, or computed now.
from_cpu() { # NAME FUNCTION
  if [[ -e "$here/reference/$1" ]]; then
    reference=$here/reference/$1
  else
    reference=$out/cpu_$1
    "$2" cpu "$reference"
  fi
}

steps_agree() {
  from_cpu steps.json steps_on && steps_on cuda "$out/cuda_steps.json" || return
  local difference
  difference=$(paste <(losses_of "$reference") <(losses_of "$out/cuda_steps.json") | awk '
    NF == 2 { d = ($1 - $2) / $1; if (d < 0) d = -d; if (d > most) most = d; n++ }
    END { if (n == 20) printf "%.2e", most; else print "none: " n " losses" }')
  note="largest relative difference of a loss $difference (allowed 1e-3)"
  awk -v d="$difference" 'BEGIN { exit !(d ~ /^[0-9]/ && d <= 1e-3) }'
}

epoch_agrees() {
  from_cpu epoch epoch_on && epoch_on cuda "$out/cuda_epoch" || return
  local cpu cuda
  cpu=$(epoch_of "$reference") cuda=$(epoch_of "$out/cuda_epoch")
  note="mean loss and mIoU: CPU ${cpu:-none}, GPU ${cuda:-none} (allowed 1e-3 of the loss, 2 points of mIoU)"
  awk -v a="$cpu" -v b="$cuda" 'BEGIN {
    if (split(a, cpu) != 2 || split(b, gpu) != 2) exit 1
    d = (cpu[1] - gpu[1]) / cpu[1]
    e = cpu[2] - gpu[2]
    exit !(d <= 1e-3 && d >= -1e-3 && e <= 2 && e >= -2) }'
}

graph_agrees() {
  steps_on cuda "$out/cuda_graph.json" && steps_on cuda "$out/cuda_op_by_op.json" --no-cuda-graph || return
  note="20 losses differ between a CUDA graph and single kernels"
  grep -q '"cuda_graph": true' "$out/cuda_graph.json" || { note="no CUDA graph was made"; return 1; }
  [[ "$(losses_of "$out/cuda_graph.json")" == "$(losses_of "$out/cuda_op_by_op.json")" ]] || return
  note="20 losses are equal as a CUDA graph and as single kernels"
}

same_bits() {
  [[ -e "$out/cuda_epoch/last.safetensors" ]] || { echo "there is no first run"; return 1; }
  epoch_on cuda "$out/cuda_epoch_again" || return
  cmp "$out/cuda_epoch/last.safetensors" "$out/cuda_epoch_again/last.safetensors" || return
  note="two runs of one seed end in the same checkpoint"
}

picie() { # NAME OPTION...
  local folder=$out/$1
  shift
  rm -rf "$folder"
  limited "$bareseg" train picie --device cuda --plans "$out/plans.txt" --out "$folder" "$@" || return
  note=$(sed -n 's/.*info epoch/epoch/p; s/.*\(fresh clusterings\)/\1/p' "$out/$part.log" | tail -n 1)
}

# As many pixels as 640 x 480.
coco() {
  local gib=48
  if [[ $(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo) -lt $((gib + 12)) ]]; then
    echo "the decoded images need $gib GiB of memory"
    return "$not_run"
  fi
  picie coco --preset coco --dataset scenes --scenes 49629 --val-scenes 2175 --scene-size 554 --cache-gib "$gib" \
    --dtype bf16 --epochs 2 --repeats 0
}

bench_kernels() {
  limited "$bareseg" bench kernels --json "$out/kernels.json"
}

bench_training() { # DEPTH SIDE BATCH DTYPE [single]
  limited "$bareseg" bench training --device cuda --depth "$1" --side "$2" --batch "$3" --dtype "$4" \
    --plans "$out/plans.txt" --json "$out/$part.json" ${5:+--no-cuda-graph} || return
  note=$(tail -n 1 "$out/$part.log")
}

bench_loading() {
  limited "$bareseg" bench loading --device cuda --dtype bf16 --images 8192 --json "$out/loading.json" || return
  note=$(tail -n 1 "$out/$part.log")
}

ladder() { # PROGRAM
  local path
  path=$(program "$1") || { echo "$path"; return 1; }
  limited "$path" --json "$out/$1.json"
}

peers() { # NAME of torch_gpu.py's, OPTION...
  local script
  script=$(beside torch_gpu.py bench/peers) || { echo "$script"; return 1; }
  limited python3 "$script" --only "$1" --json "$out/$part.json" "${@:2}"
}

# ---- steps ----

run_step() {
  local name tool
  case $1 in
    tests)
      for name in "${tests[@]}"; do
        case $name in
          test_cuda) part "$name" 300 device_tests "$name" 'Gpu.*' ;;
          *) part "$name" 600 device_tests "$name" '*/cuda' ;;
        esac
      done
      ;;
    sanitizer)
      for tool in memcheck racecheck; do
        for name in test_ops_cuda test_cluster_cuda; do part "${tool}_$name" 600 sanitizer "$tool" "$name"; done
      done
      ;;
    agreement)
      part steps_agree 300 steps_agree
      part epoch_agrees 300 epoch_agrees
      part same_bits 300 same_bits
      part graph_agrees 300 graph_agrees
      ;;
    scenes) part scenes 600 picie scenes --preset demo ;;
    camvid)
      if [[ -n "$camvid" ]]; then part camvid 1200 picie camvid --preset camvid --data "$camvid"; fi
      ;;
    coco) part coco 580 coco ;;
    kernels) part kernels 600 bench_kernels ;;
    training)
      for name in 18_320_128_bf16 50_320_128_bf16 18_320_128_tf32 50_320_128_tf32 18_160_8_bf16 18_160_8_tf32 \
        18_160_8_bf16_single; do
        # shellcheck disable=SC2086 # four or five words
        part "training_$name" 300 bench_training ${name//_/ }
      done
      ;;
    loading) part loading 300 bench_loading ;;
    ladders)
      for name in $(ladders); do part "$name" 300 ladder "$name"; done
      ;;
    peers)
      for name in kmeans loss views; do part "peers_$name" 300 peers "$name"; done
      for name in 18_160_8 18_320_128 50_320_128; do part "peers_training_$name" 580 peers "training_$name"; done
      part peers_first_step 580 peers training_50_320_128 --variant compile
      ;;
  esac
}

# Finds what NVIDIA's Python packages bring, which the program looks for last.
use_python_packages() {
  local folder lib
  folder=$(python3 -c 'import importlib.util
spec = importlib.util.find_spec("nvidia")
print(next(iter(spec.submodule_search_locations)) if spec else "")' 2>/dev/null)
  [[ -n "$folder" ]] || return
  export BARESEG_PYTHON_ENV=${BARESEG_PYTHON_ENV:-$(dirname "$folder")}
  for lib in "$folder"/*/lib; do # the libraries open further ones by name
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$lib
  done
}

# ---- results ----

json_text() { printf '"%s"' "$(printf '%s' "$1" | tr '\n\t' '  ' | sed 's/\\/\\\\/g; s/"/\\"/g')"; }

write_steps_json() {
  local row name result seconds note comma=""
  {
    printf '{\n "gpu": %s,\n "devices": %s,\n "steps": [' "$(json_text "$gpu")" "$(json_text "$devices")"
    for row in "${results[@]}"; do
      IFS='|' read -r name result seconds note <<<"$row"
      printf '%s\n  {"name": %s, "result": %s, "seconds": %s, "note": %s}' "$comma" "$(json_text "$name")" \
        "$(json_text "$result")" "$seconds" "$(json_text "$note")"
      comma=,
    done
    printf '\n ]\n}\n'
  } >"$out/steps.json"
}

write_table() {
  local row name result seconds note
  {
    # shellcheck disable=SC2016 # backticks of Markdown
    printf '# GPU check, %s\n\n%s\n\n```\n%s\n```\n\n' "$(date -u +%F)" "$gpu" "$devices"
    printf '| part | result | seconds | |\n| --- | --- | ---: | --- |\n'
    for row in "${results[@]}"; do
      IFS='|' read -r name result seconds note <<<"$row"
      printf '| %s | %s | %s | %s |\n' "$name" "$result" "$seconds" "$note"
    done
    if name=$(beside gpu_table.py bench); then
      printf '\n## Against the targets\n\n'
      python3 "$name" "$out"
    fi
    for row in "${results[@]}"; do
      IFS='|' read -r name result seconds note <<<"$row"
      if [[ $name == kernels || $name == ladder_* || $name == peers_* ]] && [[ -s "$out/$name.log" ]]; then
        printf '\n## %s, %s\n\n```\n' "$name" "$result"
        cat "$out/$name.log"
        printf '```\n'
      fi
    done
  } >"$out/gpu_check.md"
}

# ---- pack ----

pack() {
  local folder=$1 name path bytes missing=""
  mkdir -p "$folder/tests"
  for name in bareseg "${tests[@]}" $(ladders); do
    if path=$(program "$name"); then
      strip -o "$folder/$name" "$path" || exit 1
    else
      missing+=" $name"
    fi
  done
  [[ -z "$missing" ]] || echo "left out:$missing; $advice"
  [[ -x "$folder/bareseg" ]] || exit 1
  cp "${BASH_SOURCE[0]}" "$here/../bench/peers/torch_gpu.py" "$here/../bench/gpu_table.py" "$folder"
  cp -r "$here/../tests/golden" "$folder/tests"
  bytes=$(find "$folder" -maxdepth 1 -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
  if [[ $bytes -gt $max_pack_bytes ]]; then
    echo "$folder: $bytes bytes are more than $max_pack_bytes" >&2
    exit 1
  fi
  echo "$folder: $((bytes >> 20)) MiB of at most $((max_pack_bytes >> 20))"
  echo "computing the CPU's losses"
  bareseg=$folder/bareseg limit=600 out=$folder/reference
  mkdir -p "$out"
  if ! { steps_on cpu "$out/steps.json" && epoch_on cpu "$out/epoch"; } >"$out/log" 2>&1; then
    tail -n 3 "$out/log" >&2
    exit 1
  fi
  find "$out/epoch" -name '*.safetensors' -delete
}

# ---- main ----

only=() camvid="" out=results build="" pack_into=""
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --only | --camvid | --out | --pack)
      [[ $# -ge 2 ]] || { echo "$1 needs a value; see --help" >&2; exit 2; }
      case $1 in
        --only) IFS=, read -ra only <<<"$2" ;;
        --camvid) camvid=$2 ;;
        --out) out=$2 ;;
        --pack) pack_into=$2 ;;
      esac
      shift
      ;;
    -*)
      echo "unknown option $1; see --help" >&2
      exit 2
      ;;
    *) build=$1 ;;
  esac
  shift
done
for name in "${only[@]}"; do
  [[ " ${steps_known[*]} " == *" $name "* ]] || { echo "unknown step $name; known: ${steps_known[*]}" >&2; exit 2; }
done
[[ -z "$build" || -d "$build" ]] || { echo "$build is no folder" >&2; exit 2; }
[[ -z "$camvid" || -d "$camvid" ]] || { echo "--camvid: $camvid is no folder" >&2; exit 2; }
if [[ -n "$build" ]]; then build=$(cd "$build" && pwd); fi
if [[ -n "$pack_into" ]]; then
  pack "$pack_into"
  exit 0
fi

# The tests look for tests/golden from where they run.
if [[ -d "$here/tests" ]]; then root=$here; else root=$(cd "$here/.." && pwd); fi
bareseg=$(program bareseg) || { echo "$bareseg" >&2; exit 1; }
use_python_packages
devices=$("$bareseg" devices)
if ! grep -q '^--device auto *cuda' <<<"$devices"; then
  printf '%s\n\nno GPU that can be used, nothing is checked\n' "$devices" >&2
  exit 1
fi
gpu=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null) ||
  gpu="nvidia-smi is missing"
mkdir -p "$out" || exit 1
out=$(cd "$out" && pwd)
[[ ${#only[@]} -gt 0 ]] || only=("${steps_known[@]}")
for name in "${only[@]}"; do run_step "$name"; done
write_steps_json
write_table
echo "results are in $out/gpu_check.md; $failures of ${#results[@]} parts failed" >&2
[[ $failures == 0 ]]
