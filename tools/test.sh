#!/usr/bin/env bash
# tools/test.sh - every promise, proved: release tests, then the same unit tests under ASan+UBSan and TSan.
# SPDX-License-Identifier: Apache-2.0
#   tools/test.sh               everything, as CI does
#   tools/test.sh -R controller only the release tests that ctest selects
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

tools/setup.sh all
jobs=$(nproc)

configure_and_build() {  # PRESET [TARGET ...]; warnings are errors in CI
  local preset=$1
  shift
  mkdir -p build
  local strict=OFF  # sanitizers make g++ 12 see uninitialised variants that are none
  [ -n "${CI:-}" ] && [ "$preset" = release ] && strict=ON
  cmake --preset "$preset" -DCMAKE_COMPILE_WARNING_AS_ERROR=$strict >"build/configure-$preset.log" 2>&1 || {
    cat "build/configure-$preset.log"
    return 1
  }
  ninja -C "build/$preset" -j "$jobs" --quiet "$@"
}

# The test programs that carry a label: with sanitizers only those are built. An entry NAME_skippable runs
# the cases of NAME that need what a machine may lack (see drover_test).
targets_labelled() {  # PRESET LABEL-REGEX
  ctest --test-dir "build/$1" -N -L "$2" | sed -n 's/^ *Test *#[0-9]*: //p' | sed 's/_skippable$//' | grep -vx tidy | sort -u
}

started=$SECONDS
say() { printf '\n== %s (%d s)\n' "$1" "$((SECONDS - started))"; }

say "build release"
configure_and_build release
if [ $# -gt 0 ]; then
  exec ctest --test-dir build/release --output-on-failure "$@"
fi
say "test release"
ctest --test-dir build/release --output-on-failure -j "$jobs" -LE serial
ctest --test-dir build/release --output-on-failure -L serial

say "build and test under AddressSanitizer and UndefinedBehaviorSanitizer"
cmake --preset asan -DCMAKE_COMPILE_WARNING_AS_ERROR=OFF >/dev/null
# shellcheck disable=SC2046
configure_and_build asan $(targets_labelled asan 'unit|fuzz|sim')
# hwloc's plugins of the system (PCI, GL) leak a little, from modules that are unloaded by then: leave them out.
HWLOC_PLUGINS_PATH=/nonexistent UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1 \
  ctest --test-dir build/asan --output-on-failure -j "$jobs" -L 'unit|fuzz|sim'

say "build and test under ThreadSanitizer"
cmake --preset tsan -DCMAKE_COMPILE_WARNING_AS_ERROR=OFF >/dev/null
# shellcheck disable=SC2046
configure_and_build tsan $(targets_labelled tsan threads)
TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tools/tsan.supp" \
  ctest --test-dir build/tsan --output-on-failure -j "$jobs" -L threads

say "done"
