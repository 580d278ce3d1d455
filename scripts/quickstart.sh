#!/usr/bin/env bash
# From a fresh clone to a trained model: sets up, builds the Fashion-MNIST
# example and runs it. Arguments go to the example.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build example
[ -f build/dev/build.ninja ] || cmake --preset dev -DTORCHBOLT_TESTS=OFF \
  -DTORCHBOLT_BENCHMARKS=OFF -DTORCHBOLT_UNITY=ON >/dev/null
cmake --build build/dev --target fashion_mnist
mkdir -p build/quickstart
build/dev/bin/fashion_mnist --out build/quickstart "$@"

cat <<'TEXT'

What to try next
  build/dev/bin/fashion_mnist --epochs 20      train longer
  examples/fashion_mnist.cpp                   the whole program
  scripts/test.sh                              the tests
  README.md                                    the rest
TEXT
