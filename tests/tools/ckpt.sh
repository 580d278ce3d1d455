#!/usr/bin/env bash
# torchbolt ckpt as a user calls it: what it prints, and its exit codes.
#
#   ckpt.sh TORCHBOLT FILES WORK
set -euo pipefail

torchbolt=$1 files=$2 work=$3
rm -rf "$work"
mkdir -p "$work"

fail() {
  echo "ckpt: $*" >&2
  exit 1
}
expect() { # CODE TEXT ARGUMENT...: it ends with that code and says that
  local said code=0
  said=$("$torchbolt" ckpt "${@:3}" 2>&1) || code=$?
  [ "$code" = "$1" ] || fail "${*:3}: exit code $code instead of $1: $said"
  grep -qF -- "$2" <<<"$said" || fail "${*:3}: '$2' isn't in: $said"
}

a=$files/lightning_adamw.ckpt b=$files/lightning_sgd.ckpt
expect 0 'net.0.weight' show "$a"
expect 0 '"dtype": "float32"' show --json "$a"
expect 0 'all checksums are right' verify "$a" "$b"
expect 0 '' diff "$a" "$a"
expect 1 '~ hyper_parameters / optimizer  "AdamW" → "SGD"' diff "$a" "$b"
expect 0 '' convert "$a" "$work/a.safetensors"
expect 0 'net.0.weight' show "$work/a.safetensors"
expect 0 '' convert "$work/a.safetensors" "$work/a.ckpt"
expect 0 'state_dict' show "$work/a.ckpt"
expect 0 '' average "$a" "$b" -o "$work/mean.ckpt"
expect 0 'whole' verify "$work/mean.ckpt"

head -c 5000 "$a" >"$work/short.ckpt"
expect 1 'cut short' verify "$work/short.ckpt"
expect 1 'lightning_sgd.ckpt: whole' verify "$work/short.ckpt" "$b"
expect 1 'No such file' show "$work/none.ckpt"
expect 2 'subcommand' nothing
expect 2 'required' diff "$a"
