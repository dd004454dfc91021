#!/usr/bin/env bash
# tools/dist.sh - builds what a package ships: the decision core laid out by a profile of itself at work.
# SPDX-License-Identifier: Apache-2.0
#   tools/dist.sh [TARGET ...]   into build/dist/bin; all programs, and the benchmark of decisions, unless said
#
# Three steps: build the simulator so that it counts what it does (preset dist-train), let it replay workloads that it makes itself,
# and build again with these counts (preset dist). The workloads follow from their seeds, so that the same sources give the same
# programs. They are no benchmark: models of jobs on two clusters, under each policy.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

tools/setup.sh dist
jobs=$(nproc)
profile=$PWD/build/dist-profile # DroverTargets.cmake reads drover.profdata there
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

configure() { # PRESET
  mkdir -p build
  cmake --fresh --preset "$1" >"build/configure-$1.log" 2>&1 || {
    cat "build/configure-$1.log" >&2
    exit 1
  }
}

configure dist-train
ninja -C build/dist-train -j "$jobs" --quiet drover-sim

cluster() { # FILE, nodes without GPUs, nodes with
  cat >"$1" <<TOML
[[nodes]]
name = "c"
count = $2
packages = 2
numa = 4
cores = 16
memory = "512GiB"
[[nodes]]
name = "g"
count = $3
packages = 2
numa = 4
cores = 16
threads = 2
memory = "512GiB"
gpus = 4
gpu_model = "a100"
TOML
}
quiet() { build/dist-train/bin/drover-sim "$@" >/dev/null; }
mixed=(gen --model mixed --node-cpus 128 --node-gpus 4 --users 50 --seed 11)

cluster "$work/small.toml" 80 20
cluster "$work/large.toml" 2000 500
rm -rf "$profile"
export LLVM_PROFILE_FILE=$profile/%p.profraw
quiet "${mixed[@]}" --jobs 30000 --procs 65535 --load 0.5 -o "$work/large.jsonl"
quiet run "$work/large.jsonl" --cluster "$work/large.toml" --policy fcfs
quiet run "$work/large.jsonl" --cluster "$work/large.toml" --policy easy
for load in 0.3 0.8; do
  quiet gen --model lublin --jobs 6000 --procs 256 --seed 11 --load "$load" -o "$work/lublin.swf"
  quiet "${mixed[@]}" --jobs 4000 --procs 15360 --load "$load" -o "$work/small.jsonl"
  for policy in fcfs easy easy-sjbf conservative fifo+depth-k:8 saf-guard priority+easy; do
    quiet run "$work/lublin.swf" --policy "$policy"
    quiet run "$work/small.jsonl" --cluster "$work/small.toml" --policy "$policy"
  done
done
unset LLVM_PROFILE_FILE
llvm-profdata-19 merge -o "$profile/drover.profdata" "$profile"/*.profraw
rm -f "$profile"/*.profraw

configure dist
[ $# -gt 0 ] || set -- drover droverd drover-agent drover-supd drover-sim drover_engines bench_noop bench_spawn_limit decision_bench
exec ninja -C build/dist -j "$jobs" --quiet "$@"
