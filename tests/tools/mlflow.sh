#!/usr/bin/env bash
# torchbolt mlflow sync as a user calls it, wrongly: what it says, and its exit
# codes. Nobody listens at the server's address.
#
#   mlflow.sh TORCHBOLT WORK
set -euo pipefail

torchbolt=$1 work=$2
rm -rf "$work"
mkdir -p "$work/runs/a" "$work/runs/b" "$work/empty"
unset MLFLOW_TRACKING_URI
nobody=http://127.0.0.1:1

fail() {
  echo "mlflow: $*" >&2
  exit 1
}
expect() { # CODE TEXT ARGUMENT...: it ends with that code and says that
  local code=0
  said=$("$torchbolt" mlflow "${@:3}" 2>&1) || code=$?
  [ "$code" = "$1" ] || fail "${*:3}: exit code $code instead of $1: $said"
  grep -qF -- "$2" <<<"$said" || fail "${*:3}: '$2' isn't in: $said"
}

journal() { # a run's first line
  local line="\",\"seq\":0,\"op\":\"run\",\"version\":$1"
  printf '{"crc":"%s%s}\n' "$(printf '%s' "$line" | gzip -1 | tail -c 8 |
    od -An -tx4 -N4 | tr -d ' ')" "$line"
}

expect 2 'subcommand'
expect 2 'FOLDER' sync
expect 2 'timeout' sync "$work/runs" --timeout -1
expect 2 'timeout' sync "$work/runs" --timeout 99999999999999
expect 1 "there is no run of MLflowLogger here" sync "$work/none"
expect 1 "there is no run of MLflowLogger here" sync "$work/empty"

# Of two journals one is nobody's, the other of a version to come: both are
# looked at, and what is in them stays.
echo 'something else' >"$work/runs/a/mlflow.jsonl"
journal 99 >"$work/runs/b/mlflow.jsonl"
cp "$work/runs/b/mlflow.jsonl" "$work/before"
expect 1 "the journal holds no run" sync "$work/none" "$work/runs" \
  --tracking-uri $nobody --timeout 0
[ "$(grep -c "holds no run" <<<"$said")" = 2 ] || fail "the second one: $said"
grep -qF "$work/none" <<<"$said" || fail "the folder that isn't there: $said"
cmp "$work/runs/b/mlflow.jsonl" "$work/before"
grep -q 'something else' "$work/runs/a/mlflow.jsonl.damaged"

journal 1 >"$work/runs/b/mlflow.jsonl"
expect 1 "it isn't known to which server" sync "$work/runs/b"
expect 1 "a name or a password" sync "$work/runs/b" \
  --tracking-uri http://u:c4n4ry@127.0.0.1:1
grep -q c4n4ry <<<"$said" && fail "a secret is shown: $said"
expect 1 "no address of a server" sync "$work/runs/b" --tracking-uri sqlite:///a
exec 9<"$work/runs/b/mlflow.jsonl"
flock 9
expect 1 "in use by another process" sync "$work/runs/b" --tracking-uri $nobody
exec 9<&-
mkdir -p "$work/folder/mlflow.jsonl"
expect 1 "can't open the journal" sync "$work/folder" --tracking-uri $nobody
