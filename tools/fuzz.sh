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
  log=build/fuzz/$target.log
  if "build/fuzz/bin/$target" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=5 -print_final_stats=1 \
    -artifact_prefix="$finds/" "$finds" "tests/fuzz/corpus/${target%_fuzz}" >"$log" 2>&1; then
    grep -E 'stat::(number_of_executed_units|new_units_added|peak_rss_mb)' "$log" || true
  else
    grep -E 'ERROR|SUMMARY|Test unit' "$log" || tail -n 20 "$log"
    printf 'failed: the input lies in %s; mend it, and add it to tests/fuzz/corpus/%s\n' "$finds" "${target%_fuzz}"
    status=1
  fi
done
exit $status
