#!/usr/bin/env bash
# Installs what is missing, so that torchbolt can be built: Debian packages, and
# libtorch into .deps/. Does nothing where all is there.
#
#   scripts/setup.sh [build] [test] [check] [bench] [example]     default: build
#
# TORCHBOLT_WHEELS=DIR   takes the wheels from a folder instead of the network
set -euo pipefail
cd "$(dirname "$0")/.."
readonly deps=.deps
readonly list=scripts/libtorch.txt

say() { printf '%s\n' "setup: $*"; }
fail() { printf '%s\n' "setup: $*" >&2; exit 1; }

packages_for() {
  case $1 in
    build) echo cmake ninja-build clang-19 libstdc++-12-dev libspdlog-dev \
      zlib1g-dev libdeflate-dev libcurl4-openssl-dev nlohmann-json3-dev libprotozero-dev libcli11-dev \
      mold python3-minimal python3-pip ;;
    example) echo dataset-fashion-mnist ;;
    test) echo libgtest-dev g++ ccache dataset-fashion-mnist \
      libbenchmark-dev libclang-rt-19-dev python3-venv doxygen ;;
    check) echo clang-format-19 git ;;
    bench) echo valgrind python3-venv ;;
    *) fail "unknown part '$1'; known: build, example, test, check, bench" ;;
  esac
}

missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null |
      grep -q 'install ok installed' || echo "$package"
  done
}

as_root=()
# Everything that is missing is named at once, not one step's part after the
# other.
may_install() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null ||
    fail "no apt-get here; install by hand what these Debian packages hold: ${missing[*]}"
  [ "$(id -u)" != 0 ] || return 0
  command -v sudo >/dev/null && sudo -n true 2>/dev/null ||
    fail "these packages are missing; ask whoever may install them to run:
  apt-get install --no-install-recommends ${missing[*]}"
  as_root=(sudo -n)
}

install() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
      --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    fail "apt-get failed (above); is the network there?"
  fi
  rm -f "$log"
}

stamp() { sha256sum "$list" | cut -d' ' -f1; }

libtorch_is_there() {
  [ -f "$deps/libtorch/.complete" ] &&
    [ "$(cat "$deps/libtorch/.complete")" = "$(stamp)" ]
}

# pip honours its own settings (index, proxy, certificates), checks the hashes,
# and downloads again what is broken.
download() {
  mkdir -p "$deps/wheels"
  local from=()
  [ -z "${TORCHBOLT_WHEELS:-}" ] || from=(--no-index --find-links "$TORCHBOLT_WHEELS")
  python3 -m pip download --quiet --disable-pip-version-check --no-deps \
    --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 \
    --abi none --platform manylinux_2_28_x86_64 \
    --platform manylinux_2_25_x86_64 --platform manylinux2014_x86_64 \
    --platform manylinux_2_17_x86_64 --platform any \
    "${from[@]}" --require-hashes -r "$list" -d "$deps/wheels"
}

unpack() {
  python3 - "$deps/wheels" "$deps/libtorch.new" "$list" <<'PY'
import os, re, sys, zipfile

wheels, target, listed = sys.argv[1:]
# Of torch, the CPU's part; of the others, their libraries.
wanted = re.compile(
    r"torch/include/|torch/lib/lib(torch_cpu|c10|gomp|gfortran|torch)\b[^/]*\.so|"
    r"nvidia/[^/]+/lib/lib(cudart|cupti)\.so|[^/]+\.dist-info/(LICENSE|METADATA)")
names = [l.split("==")[0].replace("-", "_") for l in open(listed) if "==" in l]
for name in names:
    found = [f for f in os.listdir(wheels) if f.startswith(name + "-")]
    with zipfile.ZipFile(os.path.join(wheels, found[0])) as wheel:
        for member in wheel.namelist():
            if wanted.match(member):
                wheel.extract(member, target)
PY
}

get_libtorch() {
  libtorch_is_there && return 0
  [ "$(uname -m)" = x86_64 ] ||
    fail "libtorch's wheel is for x86_64, this is $(uname -m); give a libtorch >= 2.11 of your own with -DCMAKE_PREFIX_PATH=DIR"
  say "libtorch 2.15.0 into $deps/libtorch (540 MB to download)"
  wait_for_download || fail "the download of libtorch failed; is the network there? Wheels can also come from a folder: TORCHBOLT_WHEELS=DIR"
  rm -rf "$deps/libtorch.new"
  unpack || fail "a wheel can't be unpacked; remove $deps/wheels and try again"
  stamp >"$deps/libtorch.new/.complete"
  rm -rf "$deps/libtorch"
  mv "$deps/libtorch.new" "$deps/libtorch"
  rm -rf "$deps/wheels"
}

download_pid=
# An end before its time ends the download too, and what it started.
trap '[ -z "$download_pid" ] || kill -- "-$download_pid" 2>/dev/null || true' EXIT
start_download() {
  libtorch_is_there && return 0
  [ "$(uname -m)" = x86_64 ] || return 0
  install python3-minimal python3-pip
  set -m # a process group of its own
  download &
  download_pid=$!
  set +m
}
wait_for_download() {
  # Once more, where a broken connection ended the first try.
  local pid=$download_pid
  download_pid=
  wait "$pid" || { say "downloading again"; download; }
}

main() {
  local parts=("$@") packages=() part
  [ ${#parts[@]} -gt 0 ] || parts=(build)
  for part in "${parts[@]}"; do
    # shellcheck disable=SC2207
    packages+=($(packages_for "$part"))
  done
  may_install "${packages[@]}"
  start_download # beside the packages
  install "${packages[@]}"
  get_libtorch
}

main "$@"
