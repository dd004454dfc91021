#!/usr/bin/env bash
# tools/setup.sh - installs the Debian packages that Drover builds, tests and measures with. Does nothing when all are there.
# SPDX-License-Identifier: Apache-2.0
#   tools/setup.sh build    what building and running needs
#   tools/setup.sh all      that, and what the tests, the linters and the fuzzers need
set -euo pipefail

build_packages=(
  g++ cmake ninja-build ccache pkg-config git
  libhwloc-dev libtbb-dev libboost-dev libboost-graph-dev libuv1-dev liblmdb-dev
  prometheus-cpp-dev libprotobuf-dev protobuf-compiler libsimdjson-dev nlohmann-json3-dev
  libcli11-dev libtomlplusplus-dev libfmt-dev libspdlog-dev libexpected-dev libssl-dev
  libxxhash-dev libzstd-dev libgtest-dev libbenchmark-dev libcurl4-openssl-dev zlib1g-dev libjemalloc-dev libdeflate-dev libxlsxwriter-dev
)
test_packages=(python3 prometheus clang clang-format clang-tidy libclang-rt-14-dev curl)

packages=("${build_packages[@]}")
[ "${1:-build}" = all ] && packages+=("${test_packages[@]}")

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  missing=""
  for tool in g++ cmake ninja pkg-config protoc; do
    command -v "$tool" >/dev/null || missing+=" $tool"
  done
  if [ -n "$missing" ]; then
    printf 'error: this is not a Debian system, and these tools are missing:%s\n' "$missing" >&2
    printf '  hint: install what corresponds to these Debian 12 packages, then try again:\n    %s\n' "${packages[*]}" >&2
    exit 1
  fi
  printf 'note: not a Debian system; the build needs what these Debian 12 packages hold:\n  %s\n' "${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$state" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

printf 'installing Debian packages: %s\n' "${missing[*]}" >&2
root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    printf 'error: packages are missing and only root can install them\n' >&2
    printf '  hint: as root: apt-get install -y --no-install-recommends %s\n' "${missing[*]}" >&2
    exit 1
  }
  root=(sudo)
fi
install() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
}
install || { "${root[@]}" apt-get update -q >&2 && install; }
