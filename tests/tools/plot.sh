#!/usr/bin/env bash
# torchbolt plot as a user calls it: what it prints, and its exit codes.
#
#   plot.sh TORCHBOLT WORK
set -euo pipefail

torchbolt=$1 work=$2
rm -rf "$work"
mkdir -p "$work/logs/version_0" "$work/logs/version_1"
printf 'loss,step\n1,0\n0.5,10\n' >"$work/logs/version_0/metrics.csv"
printf 'loss,step\n2,0\n0.25,20\n' >"$work/logs/version_1/metrics.csv"

fail() {
  echo "plot: $*" >&2
  exit 1
}
expect() { # CODE TEXT ARGUMENT...: it ends with that code and says that
  local said code=0
  said=$("$torchbolt" plot "${@:3}" 2>&1) || code=$?
  [ "$code" = "$1" ] || fail "${*:3}: exit code $code instead of $1: $said"
  grep -qF -- "$2" <<<"$said" || fail "${*:3}: '$2' isn't in: $said"
}

export LC_ALL=C.UTF-8
expect 0 '━━ version_0   ━━ version_1' "$work/logs"
expect 0 ' loss' "$work/logs" --metric loss --smooth 0.5 --log --width 40
LC_ALL=C expect 0 '* version_0   + version_1' "$work/logs"
expect 0 '' "$work/logs" --out "$work/a.svg" --width 700
grep -q 'width="700"' "$work/a.svg" || fail "the picture's width"
expect 1 '--metric loss' "$work/logs" -m los
expect 1 'no metrics' "$work"/nothing
expect 2 'RUN' -m loss
expect 2 'smooth' "$work/logs" --smooth 1
