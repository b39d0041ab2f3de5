#!/usr/bin/env bash
# The checks beside the tests. Without arguments all of them, else those named:
#   format  clang-format changes nothing in any tracked source
#   tidy    clang-tidy finds nothing in the program's sources (.clang-tidy says what it looks for)
#   asan    the tests of readers and clustering under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer;
#           those of ops, networks and commands too, which takes four times as long (Clang 14's LeakSanitizer does not
#           survive oneDNN): cmake --build --preset asan && ASAN_OPTIONS=detect_leaks=0 ctest --preset asan
#           Configured with -DBARESEG_EMULATOR=ON these tests run every kernel as well, and its reads past an allocation
#           show.
#   tsan    the loader's tests under ThreadSanitizer
#   fuzz    a few seconds of mutated files for every reader, built by Clang under the same sanitizers (scripts/fuzz.sh)
#   cuda    all kernels compile without warnings or register spills for the architectures that the release build leaves
#           out; the GPU's tests and the ladders build, and what goes to its machine is packed
set -euo pipefail
cd "$(dirname "$0")/.."

check_format() {
  git ls-files -z '*.cpp' '*.h' '*.cu' '*.cuh' | xargs -0 clang-format --dry-run -Werror
  echo "format: clean"
}

check_tidy() {
  # Writes the compile database: files of a folder are read together, their headers once.
  cmake --preset tidy | (grep 'CPU-only' || true)
  # A file that is not in it, as those of cuda/ where there is no toolkit, is not looked at.
  sed -n 's/^ *"file": "\(.*\.\(cpp\|cxx\)\)",\?$/\1/p' build/tidy/compile_commands.json |
    xargs -d '\n' -n 1 -P "$(nproc)" clang-tidy -p build/tidy --quiet \
      2> >(grep -v 'warnings\? generated' >&2)  # those are in system headers, and not shown
  echo "tidy: clean"
}

check_asan() {
  cmake --preset asan >/dev/null
  cmake --build --preset asan --target test_engine test_data test_cluster
  ctest --preset asan -L '^(engine|data|cluster)$'
}

check_tsan() {
  cmake --preset tsan >/dev/null
  cmake --build --preset tsan --target test_data
  ctest --preset tsan -R '^(Loader|CheckDataset)'
}

check_fuzz() {
  scripts/fuzz.sh 6
}

check_cuda() {
  local configured
  configured=$(cmake --preset kernels)
  if grep 'CPU-only' <<<"$configured"; then
    if command -v nvcc >/dev/null || [[ -x /usr/local/cuda/bin/nvcc ]]; then return 1; fi
    echo "cuda: not checked, for want of a toolkit"
    return
  fi
  cmake --build --preset kernels  # nvcc's options in cmake/cuda.cmake make errors of warnings and spills
  # What scripts/gpu_check.sh carries to a GPU's machine: it builds, Python can read it, its size is within the limit.
  cmake --preset release >/dev/null
  cmake --build --preset release --target bareseg gpu_tests ladders
  python3 -c 'import ast, sys; [ast.parse(open(name).read(), name) for name in sys.argv[1:]]' bench/*.py \
    bench/peers/*.py
  pack=$(mktemp -d)
  trap 'rm -rf "$pack"' EXIT
  scripts/gpu_check.sh --pack "$pack"
  echo "cuda: clean"
}

scripts/install_deps.sh --checks
for name in "${@:-}"; do
  case "$name" in
    format | tidy | asan | tsan | fuzz | cuda) "check_$name" ;;
    "") check_format; check_tidy; check_asan; check_tsan; check_fuzz; check_cuda ;;
    *) echo "usage: $0 [format] [tidy] [asan] [tsan] [fuzz] [cuda]" >&2; exit 2 ;;
  esac
done
