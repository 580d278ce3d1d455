#!/usr/bin/env bash
# Does with torchbolt what a user does.
#
#   packaging.sh CASE SOURCE BUILD WORK COMPILER LIBTORCH
#
# SOURCE: torchbolt; BUILD: its build folder; WORK: a folder for what is made.
set -euo pipefail

case=$1 source=$2 build=$3 work=$4
export CXX=$5
libtorch=$6
here=$(dirname "$0")
# Nothing that helps by accident.
unset LD_LIBRARY_PATH CMAKE_PREFIX_PATH torchbolt_DIR torchbolt_ROOT
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
fi
mkdir -p "$work"

fail() {
  echo "packaging: $*" >&2
  exit 1
}
configure() { # SOURCE BUILD ARGUMENT...
  cmake -G Ninja -S "$1" -B "$2" -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_CXX_FLAGS_DEBUG=-O0 "${@:3}"
}
# The consumer's loss goes to 0; away from the folders where it was built.
trains() {
  local loss
  loss=$(cd / && "$1" | sed -n 's/^loss //p')
  echo "loss $loss"
  awk -v loss="$loss" 'BEGIN {exit !(loss != "" && loss < 0.01)}' ||
    fail "$1 doesn't train: loss '$loss'"
}
consume() { # PREFIX NAME ARGUMENT...: find_package, build, run, install, run
  rm -rf "$work/$2"
  configure "$source/examples/consumer" "$work/$2" "-DCMAKE_PREFIX_PATH=$1" "${@:3}"
  cmake --build "$work/$2"
  trains "$work/$2/consumer"
  cmake --install "$work/$2" --prefix "$work/$2/out" >/dev/null
  trains "$work/$2/out/bin/consumer"
}
# Here and below not through a pipe: with pipefail, a `grep -q` that has found its
# line lets the writer fail.
version_of() { # PREFIX: its command says its version
  local said
  said=$(cd / && "$1/bin/torchbolt" --version)
  grep -q '^torchbolt ' <<<"$said" || fail "torchbolt --version: $said"
}
refused() { # TEXT ARGUMENT...: the project says that, and why
  local said
  rm -rf "$work/refused"
  if said=$(cmake -G Ninja -S "$here/wanted" -B "$work/refused" "${@:2}" 2>&1); then
    fail "configured with ${*:2}"
  fi
  # CMake breaks lines.
  said=$(tr -s ' \n' ' ' <<<"$said")
  grep -qF "$1" <<<"$said" || fail "'$1' isn't in: $said"
}

case_install() {
  rm -rf "$work/installed" "$work/runtime"
  cmake --install "$build" --prefix "$work/installed" >/dev/null
  diff <(cd "$source/include" && find . -type f | sort) \
    <(cd "$work/installed/include" && find . -type f | sort)
  local strange
  strange=$(cd "$work/installed" && find . -type f | grep -v torchbolt || true)
  [ -z "$strange" ] || fail "installed too: $strange"
  [ -f "$work/installed/share/doc/torchbolt/LICENSE" ] || fail "no licence"
  version_of "$work/installed"

  cmake --install "$build" --component torchbolt_runtime --prefix "$work/runtime" >/dev/null
  [ -x "$work/runtime/bin/torchbolt" ] || fail "no torchbolt in the runtime"
  [ ! -e "$work/runtime/include" ] || fail "headers in the runtime"
}

case_find_package() { consume "$work/installed" find_package; }

case_refusals() {
  local prefix=-DCMAKE_PREFIX_PATH="$work/installed"
  local version
  for version in 0.1 0.0 0; do
    rm -rf "$work/refused"
    cmake -G Ninja -S "$here/wanted" -B "$work/refused" "$prefix" \
      -DWANTED=$version >/dev/null || fail "version $version isn't found"
  done
  refused 'compatible with requested version "0.9"' "$prefix" -DWANTED=0.9
  refused 'compatible with requested version "1.0"' "$prefix" -DWANTED=1.0
  # Another libtorch: only what says its version is looked at.
  local other=$work/other_libtorch
  mkdir -p "$other/lib" "$other/include/torch/csrc/api/include/torch"
  touch "$other"/lib/lib{torch_cpu,c10}.so
  touch "$other/include/torch/csrc/api/include/torch/torch.h"
  printf '#define TORCH_VERSION_%s\n' 'MAJOR 2' 'MINOR 99' 'PATCH 0' \
    >"$other/include/torch/csrc/api/include/torch/version.h"
  refused 'and libtorch 2.99.0 in' -DWANTED=0.1 \
    "-DCMAKE_PREFIX_PATH=$other;$work/installed"
  # The libtorch that it was built with is gone.
  rm -rf "$work/moved"
  cp -r "$work/installed" "$work/moved"
  sed -i "s|$libtorch|/gone|g" "$work"/moved/lib*/cmake/torchbolt/*.cmake \
    "$work"/moved/lib*/*/cmake/torchbolt/*.cmake 2>/dev/null || true
  refused 'in CMAKE_PREFIX_PATH or in /gone' -DWANTED=0.1 \
    -DCMAKE_PREFIX_PATH="$work/moved"
  # Found elsewhere: the folder of the wheel, and what holds it.
  local place
  for place in "$libtorch" "$(dirname "$libtorch")"; do
    rm -rf "$work/refused"
    cmake -G Ninja -S "$here/wanted" -B "$work/refused" -DWANTED=0.1 \
      "-DCMAKE_PREFIX_PATH=$place;$work/moved" >/dev/null ||
      fail "libtorch isn't found through $place"
  done
  if [ -e "$(find "$work/installed" -name libtorchbolt.a)" ]; then
    refused 'spdlog' "$prefix" -DWANTED=0.1 -DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON
  fi
}

case_leaks() {
  rm -rf "$work/leaks"
  configure "$here/parent" "$work/leaks" "-DTORCHBOLT_SOURCE=$source"
  # Nothing of ours is installed with the parent.
  cmake --install "$work/leaks" --prefix "$work/leaks/out"
  [ ! -e "$work/leaks/out" ] || fail "installed: $(find "$work/leaks/out")"
  local tests
  tests=$(ctest --test-dir "$work/leaks" -N | sed -n 's/^Total Tests: //p')
  [ "$tests" = 0 ] || fail "$tests tests of ours in the parent"
}

# Both ways to build it from source, and both kinds of library, in one folder, so
# that it is compiled once.
case_from_source() {
  local folder=$work/from_source
  configure "$source/examples/consumer" "$folder" \
    -DTORCHBOLT_FROM=add_subdirectory "-DTORCHBOLT_SOURCE=$source" \
    -DBUILD_SHARED_LIBS=OFF -DTORCHBOLT_INSTALL=OFF -DTORCHBOLT_TOOLS=OFF
  cmake --build "$folder"
  trains "$folder/consumer"
  configure "$source/examples/consumer" "$folder" \
    -DTORCHBOLT_FROM=fetch_content "-DFETCHCONTENT_SOURCE_DIR_TORCHBOLT=$source" \
    -DFETCHCONTENT_FULLY_DISCONNECTED=ON \
    -DBUILD_SHARED_LIBS=ON -DTORCHBOLT_INSTALL=ON -DTORCHBOLT_TOOLS=ON
  cmake --build "$folder"
  trains "$folder/consumer"
  rm -rf "$work/installed_shared"
  cmake --install "$folder" --prefix "$work/installed_shared" >/dev/null
  version_of "$work/installed_shared"
}

# A shared one keeps what it needs to itself.
case_find_package_shared() {
  consume "$work/installed_shared" find_package_shared \
    -DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_Libdeflate=ON
  local libraries
  libraries=$(ldd "$work/find_package_shared/out/bin/consumer")
  grep -q "$work/installed_shared/.*libtorchbolt\.so" <<<"$libraries" ||
    fail "not shared: $libraries"
}

case_new() {
  rm -rf "$work/new"
  "$work/installed/bin/torchbolt" new spirals --dir "$work/new"
  cd "$work/new/spirals"
  cmake --preset release
  cmake --build --preset release
  build/release/spirals 2>&1 | tee output.txt
  # The table's cell of test/acc.
  grep -qE 'test/acc +│ +(0\.9|1)' output.txt || fail "it doesn't learn"
  compgen -G 'lightning_logs/version_0/events.out.tfevents.*' >/dev/null || fail "no log"
}

"case_$case"
