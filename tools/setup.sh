#!/usr/bin/env bash
# tools/setup.sh - installs the Debian packages that Drover builds, tests and measures with. Does nothing when all are there.
# SPDX-License-Identifier: Apache-2.0
#   tools/setup.sh build    what building and running needs
#   tools/setup.sh dist     that, and the compiler of what a package ships
#   tools/setup.sh all      what build needs, and what the tests, the linters and the fuzzers need
#   tools/setup.sh engines  what tests of engines and clients against real systems need, which are skipped without it: PostgreSQL, Slurm, Java, Maven,
#                           and pyspark from PyPI (1 GB), in a folder of its own (DROVER_PYSPARK, by default ~/.cache/drover-test/pyspark)
set -euo pipefail

build_packages=(
  g++ cmake ninja-build ccache pkg-config git
  libhwloc-dev libtbb-dev libboost-dev libboost-graph-dev libuv1-dev liblmdb-dev
  prometheus-cpp-dev libprotobuf-dev protobuf-compiler libsimdjson-dev nlohmann-json3-dev
  libcli11-dev libtomlplusplus-dev libfmt-dev libspdlog-dev libexpected-dev libssl-dev
  libxxhash-dev libzstd-dev libgtest-dev libbenchmark-dev libcurl4-openssl-dev zlib1g-dev libjemalloc-dev libdeflate-dev libxlsxwriter-dev
)
dist_packages=(clang-19 lld-19 llvm-19 libclang-rt-19-dev)
test_packages=(python3 prometheus clang clang-format clang-tidy libclang-rt-14-dev curl)

engine_packages=(python3 python3-pip python3-venv postgresql slurmctld slurmd slurm-client munge openjdk-17-jdk-headless maven openssl)
pyspark_version=4.3.0

case "${1:-build}" in
  build) packages=("${build_packages[@]}") ;;
  dist) packages=("${build_packages[@]}" "${dist_packages[@]}") ;;
  all) packages=("${build_packages[@]}" "${test_packages[@]}") ;;
  engines) packages=("${engine_packages[@]}") ;;
  *)
    printf 'error: there is no "%s" to set up: build, dist, all or engines\n' "$1" >&2
    exit 2
    ;;
esac

install_pyspark() {
  local place=${DROVER_PYSPARK:-$HOME/.cache/drover-test/pyspark}
  python3 -c 'import pyspark' 2>/dev/null && return
  [ -d "$place/pyspark" ] && return
  printf 'installing pyspark %s into %s\n' "$pyspark_version" "$place" >&2
  rm -rf "$place.part"
  mkdir -p "$(dirname "$place")"
  python3 -m pip install --quiet --no-compile --target "$place.part" "pyspark==$pyspark_version" >&2
  mv "$place.part" "$place"
}

finish() {
  [ "${1:-build}" != engines ] || install_pyspark
  exit 0
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  missing=""
  tools=(g++ cmake ninja pkg-config protoc)
  [ "${1:-build}" != dist ] || tools+=(clang++-19 llvm-profdata-19)
  [ "${1:-build}" = engines ] || for tool in "${tools[@]}"; do
    command -v "$tool" >/dev/null || missing+=" $tool"
  done
  if [ -n "$missing" ]; then
    printf 'error: this is not a Debian system, and these tools are missing:%s\n' "$missing" >&2
    printf '  hint: install what corresponds to these Debian 12 packages, then try again:\n    %s\n' "${packages[*]}" >&2
    exit 1
  fi
  printf 'note: not a Debian system; needed is what these Debian 12 packages hold:\n  %s\n' "${packages[*]}" >&2
  finish "$@"
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$state" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || finish "$@"

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
finish "$@"
