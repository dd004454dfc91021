// base/allocator.cpp - how programs with a large heap want jemalloc to work.
//
// A controller walks through much memory, a little at each place: with pages of 4 KiB it spends
// more time on finding them. But the first touch of a fresh page of 2 MiB may take a virtual
// machine 7 ms: a simulation does not mind, a daemon that answers people does. See docs/adr/0011.
// SPDX-License-Identifier: Apache-2.0

#ifdef DROVER_HUGE_PAGES
#define DROVER_PAGES "thp:always,"
#else
#define DROVER_PAGES ""
#endif

// Read by jemalloc before the first allocation. What is free goes back to the system after a
// minute, since giving back and taking again costs, and breaks large pages up.
extern "C" {
__attribute__((used, visibility("default"))) const char* malloc_conf =
    DROVER_PAGES "metadata_thp:auto,dirty_decay_ms:60000,muzzy_decay_ms:60000";
}
