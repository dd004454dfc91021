#!/usr/bin/env bash
# tools/fuzz.sh - runs each libFuzzer target for a number of seconds; new finds land in build/fuzz/finds.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seconds=${1:-60}

cmake --preset fuzz >/dev/null
mapfile -t targets < <(cd tests/fuzz && ls ./*_fuzz.cpp | sed 's|^\./||; s|\.cpp$||')
ninja -C build/fuzz -j "$(nproc)" --quiet "${targets[@]}"
status=0
for target in "${targets[@]}"; do
  finds=build/fuzz/finds/$target
  mkdir -p "$finds"
  printf '== %s for %s s\n' "$target" "$seconds"
  "build/fuzz/bin/$target" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=5 -print_final_stats=1 \
    -artifact_prefix="$finds/" "$finds" "tests/fuzz/corpus/${target%_fuzz}" 2>&1 |
    grep -E 'stat::|ERROR|SUMMARY|Test unit' || true
  [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
done
exit $status
