#!/usr/bin/env bash
# The cost of a step under the Trainer, against the loop written by hand, and
# against other frameworks on the same workloads.
#
#   scripts/bench.sh                      everything; the peers on W1 and W2
#   scripts/bench.sh --quick              without the peers
#   scripts/bench.sh ARGUMENTS            those of benchmarks/peers/run.py, such
#                                         as --peer lightning --workload W5
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build test bench
cmake --preset release -DTORCHBOLT_TESTS=OFF -DTORCHBOLT_BENCHMARKS=ON >/dev/null
cmake --build build/release --target step_overhead raw_libtorch torchbolt_workloads
export OMP_NUM_THREADS=1

echo "== microseconds a step: by hand, under the Trainer, and the median of the paired differences"
build/release/bin/step_overhead 2>/dev/null

# Instructions a step, and misses of a simulated first-level cache: what noise
# can't touch. Two lengths, so that start-up cancels out.
counts() {
  local out
  out=$(valgrind --tool=callgrind --cache-sim=yes --callgrind-out-file=/dev/null \
    build/release/bin/step_overhead --instructions "$1" "$2" 2>&1) || return 1
  # Instructions, reads, writes, and the misses of each.
  sed -n 's/.*Collected : //p' <<<"$out" | awk '{print $1, $4 + $5 + $6}'
}
per_step() {
  echo "$(counts "$1" 300) $(counts "$1" 100)" |
    awk '{printf "%d %d\n", ($1 - $3) / 200, ($2 - $4) / 200}'
}
echo "== instructions and cache misses a step (callgrind)"
for variant in hand trainer trainer_log; do
  # shellcheck disable=SC2046
  printf '%-12s %s instructions, %s misses\n' "$variant" $(per_step "$variant")
done

[ "${1:-}" != --quick ] || exit 0
[ $# -gt 0 ] || set -- --workload W1 W2 --repeats 3
echo "== peers"
python=$(scripts/python_env.sh benchmarks/peers/requirements.txt)
cd benchmarks/peers
unset OMP_NUM_THREADS
rm -f results.jsonl
"$python" run.py "$@"
"$python" table.py results.jsonl
