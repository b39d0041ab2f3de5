#!/usr/bin/env bash
# The checks beside the tests. Without arguments all of them, else those named:
#   format  clang-format changes nothing in any tracked source
#   tidy    clang-tidy finds nothing in the program's sources (.clang-tidy says what it looks for)
#   asan    every test under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer
#   tsan    the loader's tests under ThreadSanitizer
set -euo pipefail
cd "$(dirname "$0")/.."

check_format() {
  git ls-files -z '*.cpp' '*.h' '*.cu' '*.cuh' | xargs -0 clang-format --dry-run -Werror
  echo "format: clean"
}

check_tidy() {
  cmake --preset release >/dev/null  # writes the compile database
  # The database is GCC's: Clang does not know all of its warnings.
  git ls-files -z 'engine/*.cpp' 'layers/*.cpp' 'cpu/*.cpp' 'cluster/*.cpp' 'data/*.cpp' 'apps/*.cpp' 'bench/*.cpp' |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy -p build/release --quiet --extra-arg=-Wno-unknown-warning-option \
      2> >(grep -v 'warnings\? generated' >&2)  # those are in system headers, and not shown
  echo "tidy: clean"
}

check_asan() {
  cmake --preset asan >/dev/null
  cmake --build --preset asan
  ctest --preset asan
}

check_tsan() {
  cmake --preset tsan >/dev/null
  cmake --build --preset tsan --target test_data
  ctest --preset tsan -R '^(Loader|CheckDataset)'
}

scripts/install_deps.sh --checks
for name in "${@:-}"; do
  case "$name" in
    format | tidy | asan | tsan) "check_$name" ;;
    "") check_format; check_tidy; check_asan; check_tsan ;;
    *) echo "usage: $0 [format] [tidy] [asan] [tsan]" >&2; exit 2 ;;
  esac
done
