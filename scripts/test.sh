#!/usr/bin/env bash
# Sets up, builds, and runs the tests.
#
#   scripts/test.sh [--all] [--preset NAME] [ctest's arguments]
#
# --all adds the tests labelled slow and interop, which else are left out.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=dev
all=
while [ $# -gt 0 ]; do
  case $1 in
    --all) all=yes ;;
    --preset) preset=$2; shift ;;
    *) break ;;
  esac
  shift
done

scripts/setup.sh build test
fuzz=OFF
if [ -n "$all" ] && [ "$preset" = dev ]; then fuzz=ON; fi
cmake --preset "$preset" -DTORCHBOLT_TESTS=ON -DTORCHBOLT_BENCHMARKS=ON \
  -DTORCHBOLT_FUZZ=$fuzz >/dev/null
cmake --build "build/$preset"
leave_out=()
[ -n "$all" ] || leave_out=(--label-exclude '^(slow|interop)$')
# Tests side by side have processes of their own: OMP_NUM_THREADS, which nproc
# heeds, says nothing of how many there may be.
jobs=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)
status=0
ctest --test-dir "build/$preset" --output-on-failure --no-tests=error \
  -j "$jobs" "${leave_out[@]}" "$@" || status=$?
if [ -z "$all" ]; then
  echo "left out (scripts/test.sh --all runs them):"
  ctest --test-dir "build/$preset" -N --label-regex '^(slow|interop)$' |
    sed -n 's/^ *Test *#[0-9]*: /  /p'
fi
exit $status
