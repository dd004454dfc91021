// bench/programs/noop.cpp - the cheapest real program: static, ends at once; with a path, notes the
// time it began.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

int main(int argc, char** argv) {
  if (argc < 2) return 0;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const int fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return 1;
  return dprintf(fd, "%lld\n", static_cast<long long>(now.tv_sec) * 1000000 + now.tv_nsec / 1000) <
         0;
}
