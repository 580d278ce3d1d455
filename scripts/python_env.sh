#!/usr/bin/env bash
# Makes a venv from a requirements file, outside the clone, and prints the path
# of its Python. Made once for each content of the file.
#
#   scripts/python_env.sh REQUIREMENTS
#
# TORCHBOLT_PYTHON=PATH   uses that Python instead
set -euo pipefail

if [ -n "${TORCHBOLT_PYTHON:-}" ]; then
  echo "$TORCHBOLT_PYTHON"
  exit 0
fi
requirements=$1
key=$(sha256sum "$requirements" | cut -c1-16)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/torchbolt/venv-$key
mkdir -p "$(dirname "$venv")"
exec 9>"$venv.lock"
flock 9 # two tests at a time may want the same one
if [ ! -f "$venv/.complete" ]; then
  echo "python_env: making $venv" >&2
  rm -rf "$venv"
  # The distribution's Python: one built without optimizations is slower.
  /usr/bin/python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2
  touch "$venv/.complete"
fi
echo "$venv/bin/python"
