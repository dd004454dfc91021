#!/usr/bin/env bash
# tools/test.sh - every promise, proved: release tests, then the same unit tests under ASan+UBSan and TSan.
# SPDX-License-Identifier: Apache-2.0
#   tools/test.sh               everything, as CI does
#   tools/test.sh -R controller only the release tests that ctest selects
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

tools/setup.sh all
jobs=$(nproc)

configure_and_build() {  # PRESET EXTRA... ; warnings are errors in CI
  local preset=$1
  shift
  cmake --preset "$preset" "$@" >/tmp/drover-configure.$$ 2>&1 || { cat /tmp/drover-configure.$$; rm -f /tmp/drover-configure.$$; return 1; }
  rm -f /tmp/drover-configure.$$
  ninja -C "build/$preset" -j "$jobs" --quiet
}

strict=()
[ -n "${CI:-}" ] && strict=(-DCMAKE_COMPILE_WARNING_AS_ERROR=ON)

started=$SECONDS
say() { printf '\n== %s (%d s)\n' "$1" "$((SECONDS - started))"; }

say "build release"
configure_and_build release "${strict[@]}"
if [ $# -gt 0 ]; then
  exec ctest --test-dir build/release --output-on-failure "$@"
fi
say "test release"
ctest --test-dir build/release --output-on-failure -j "$jobs" -LE serial
ctest --test-dir build/release --output-on-failure -L serial

say "build and test under AddressSanitizer and UndefinedBehaviorSanitizer"
configure_and_build asan "${strict[@]}"
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1 \
  ctest --test-dir build/asan --output-on-failure -j "$jobs" -L 'unit|fuzz|sim'

say "build and test under ThreadSanitizer"
configure_and_build tsan "${strict[@]}"
TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tools/tsan.supp" \
  ctest --test-dir build/tsan --output-on-failure -j "$jobs" -L threads

say "done"
