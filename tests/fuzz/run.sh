#!/usr/bin/env bash
# Runs a fuzzer from fresh seeds and what it found the times before.
#
#   run.sh FUZZER FOLDER SECONDS
set -euo pipefail

fuzzer=$1 folder=$2 seconds=$3
name=$(basename "$fuzzer")
rm -rf "$folder/seeds"
mkdir -p "$folder/found"
python3 "$(dirname "$0")/make_seeds.py" "${name%_fuzz}" "$folder/seeds"
# No input is large: no single piece of memory may be either.
exec "$fuzzer" -max_total_time="$seconds" -max_len=4096 -malloc_limit_mb=64 \
  -timeout=10 -verbosity=1 -print_final_stats=1 \
  -artifact_prefix="$folder/crash-" "$folder/found" "$folder/seeds"
