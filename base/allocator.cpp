// base/allocator.cpp - how programs with a large heap want jemalloc to work.
// SPDX-License-Identifier: Apache-2.0

// Read by jemalloc before the first allocation. What is free goes back to the system after a
// minute, since giving back and taking again costs, and breaks large pages up. No huge pages: the
// first touch of a fresh one may take a virtual machine 7 ms; see docs/adr/0011.
extern "C" {
__attribute__((used, visibility("default"))) const char* malloc_conf =
    "metadata_thp:auto,dirty_decay_ms:60000,muzzy_decay_ms:60000";
}
