#!/bin/sh
# examples/workflows/bin/sort.sh - stands for a sorter: READS OUT
# SPDX-License-Identifier: Apache-2.0
set -eu
name=$(basename "$1")
sort "$2/$name.aligned" >"$2/$name.sorted"
