// base/allocator.cpp - how programs with a large heap want jemalloc to work.
//
// A controller walks through much memory, a little at each place: with pages of 4 KiB it spends as
// much time on finding them as on what they hold. See docs/adr/0011.
// SPDX-License-Identifier: Apache-2.0

// Read by jemalloc before the first allocation. Pages of 2 MiB; what is free goes back to the
// system after a minute, since giving back and taking again breaks them up.
extern "C" {
__attribute__((used, visibility("default"))) const char* malloc_conf =
    "thp:always,metadata_thp:auto,dirty_decay_ms:60000,muzzy_decay_ms:60000";
}
