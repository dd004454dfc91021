#!/bin/sh
# examples/pipeline.sh - three jobs that depend on each other, from a shell.
# SPDX-License-Identifier: Apache-2.0
set -eu
fetch=$(drover submit --parsable --job-name=fetch -- sh -c 'seq 1 1000 > /tmp/drover-numbers')
total=$(drover submit --parsable --job-name=total --dependency="afterok:$fetch" \
  -- sh -c 'awk "{s += \$1} END {print s}" /tmp/drover-numbers')
drover submit --job-name=clean --dependency="afterany:$total" -- rm -f /tmp/drover-numbers
drover wait "$total"
drover log "$total"
