#!/usr/bin/env bash
# Sets up, builds and runs every test; from a clean clone, with no other step.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install_deps.sh
cmake --preset release
cmake --build --preset release
ctest --preset release
