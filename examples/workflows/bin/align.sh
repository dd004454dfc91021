#!/bin/sh
# examples/workflows/bin/align.sh - stands for an aligner: READS OUT
# SPDX-License-Identifier: Apache-2.0
set -eu
read -r index <"$2/index"
sed "s/^/$index /" "$1" >"$2/$(basename "$1").aligned"
