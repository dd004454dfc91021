/* tests/crash/write_log.c - records the writes to one file, in order, and fails them on demand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A shared library in front of libc: linked into a test, or by LD_PRELOAD with DROVER_WRITE_LOG
 * (where the log goes) and DROVER_WRITE_LOG_FILE (how the watched file's path ends, e.g.
 * "/data.mdb").
 *
 * The log is a sequence of entries: u8 kind, u64 a, u64 b, then b bytes for a write. Kinds:
 *   'w' write at offset a of b bytes     'd' the same through O_DSYNC: durable by itself
 *   's' fdatasync or fsync returned      't' ftruncate to a
 *   'f' a folder was synced (a = inode)  'm' mark a, set by the test
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static char suffix[256];
static long fail_after = -1; /* this many watched calls succeed, then every one fails */
static int fail_errno = EIO;
static long calls;

static void* real(const char* name) { return dlsym(RTLD_NEXT, name); }

/* Writes to the log itself must not be watched: the raw system call, by another name. */
static ssize_t raw_write(const void* data, size_t size) {
  static ssize_t (*next)(int, const void*, size_t);
  if (!next) next = (ssize_t(*)(int, const void*, size_t))real("write");
  return next(log_fd, data, size);
}

static void entry(char kind, uint64_t a, uint64_t b, const struct iovec* data, int count) {
  char head[17];
  head[0] = kind;
  memcpy(head + 1, &a, 8);
  memcpy(head + 9, &b, 8);
  int bad = raw_write(head, sizeof head) != (ssize_t)sizeof head;
  uint64_t left = b;
  for (int i = 0; data && i < count && left > 0; ++i) {
    size_t part = data[i].iov_len < left ? data[i].iov_len : (size_t)left;
    bad |= raw_write(data[i].iov_base, part) != (ssize_t)part;
    left -= part;
  }
  if (bad) abort(); /* a log with holes proves nothing */
}

void write_log_begin(const char* log_path, const char* watched_suffix) {
  pthread_mutex_lock(&lock);
  if (log_fd >= 0) close(log_fd);
  log_fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);
  snprintf(suffix, sizeof suffix, "%s", watched_suffix);
  calls = 0;
  fail_after = -1;
  pthread_mutex_unlock(&lock);
}

void write_log_end(void) {
  pthread_mutex_lock(&lock);
  if (log_fd >= 0) close(log_fd);
  log_fd = -1;
  fail_after = -1;
  pthread_mutex_unlock(&lock);
}

void write_log_mark(uint64_t mark) {
  pthread_mutex_lock(&lock);
  if (log_fd >= 0) entry('m', mark, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
}

/* From now on `count` watched calls succeed and the rest fail with `error`; -1 = none fails. */
void write_log_fail_after(long count, int error) {
  pthread_mutex_lock(&lock);
  fail_after = count;
  fail_errno = error;
  calls = 0;
  pthread_mutex_unlock(&lock);
}

long write_log_calls(void) { return calls; }

__attribute__((constructor)) static void from_environment(void) {
  const char* path = getenv("DROVER_WRITE_LOG");
  const char* file = getenv("DROVER_WRITE_LOG_FILE");
  if (path && file) write_log_begin(path, file);
}

static int watched(int fd) {
  if (log_fd < 0 || fd < 0 || fd == log_fd) return 0;
  char link[64], path[1024];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return 0;
  path[size] = 0;
  size_t want = strlen(suffix);
  return (size_t)size >= want && strcmp(path + size - want, suffix) == 0;
}

static int must_fail(void) {
  ++calls;
  if (fail_after < 0 || calls <= fail_after) return 0;
  errno = fail_errno;
  return 1;
}

static char write_kind(int fd) { return (fcntl(fd, F_GETFL) & O_DSYNC) ? 'd' : 'w'; }

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  static ssize_t (*next)(int, const void*, size_t, off_t);
  if (!next) next = (ssize_t(*)(int, const void*, size_t, off_t))real("pwrite");
  if (!watched(fd)) return next(fd, data, size, at);
  pthread_mutex_lock(&lock);
  ssize_t done = must_fail() ? -1 : next(fd, data, size, at);
  int error = errno;
  struct iovec one = {(void*)data, size};
  if (done > 0) entry(write_kind(fd), (uint64_t)at, (uint64_t)done, &one, 1);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

ssize_t pwrite64(int fd, const void* data, size_t size, off_t at) {
  return pwrite(fd, data, size, at);
}

ssize_t pwritev(int fd, const struct iovec* data, int count, off_t at) {
  static ssize_t (*next)(int, const struct iovec*, int, off_t);
  if (!next) next = (ssize_t(*)(int, const struct iovec*, int, off_t))real("pwritev");
  if (!watched(fd)) return next(fd, data, count, at);
  pthread_mutex_lock(&lock);
  ssize_t done = must_fail() ? -1 : next(fd, data, count, at);
  int error = errno;
  if (done > 0) entry(write_kind(fd), (uint64_t)at, (uint64_t)done, data, count);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

/* LMDB seeks, then writes several pages at once. */
ssize_t writev(int fd, const struct iovec* data, int count) {
  static ssize_t (*next)(int, const struct iovec*, int);
  if (!next) next = (ssize_t(*)(int, const struct iovec*, int))real("writev");
  if (!watched(fd)) return next(fd, data, count);
  pthread_mutex_lock(&lock);
  off_t at = lseek(fd, 0, SEEK_CUR);
  ssize_t done = must_fail() ? -1 : next(fd, data, count);
  int error = errno;
  if (done > 0) entry(write_kind(fd), (uint64_t)at, (uint64_t)done, data, count);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

ssize_t write(int fd, const void* data, size_t size) {
  static ssize_t (*next)(int, const void*, size_t);
  if (!next) next = (ssize_t(*)(int, const void*, size_t))real("write");
  if (!watched(fd)) return next(fd, data, size);
  struct iovec one = {(void*)data, size};
  return writev(fd, &one, 1);
}

static int sync_call(const char* name, int fd) {
  int (*next)(int) = (int (*)(int))real(name);
  struct stat info;
  if (log_fd >= 0 && fd != log_fd && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    int done = next(fd);
    pthread_mutex_lock(&lock);
    if (done == 0) entry('f', (uint64_t)info.st_ino, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
  }
  if (!watched(fd)) return next(fd);
  pthread_mutex_lock(&lock);
  int done = must_fail() ? -1 : next(fd);
  int error = errno;
  if (done == 0) entry('s', 0, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

int fdatasync(int fd) { return sync_call("fdatasync", fd); }
int fsync(int fd) { return sync_call("fsync", fd); }

/* The map is read-only, so this writes nothing; it is here to be sure of that. */
int msync(void* address, size_t size, int flags) {
  int (*next)(void*, size_t, int) = (int (*)(void*, size_t, int))real("msync");
  pthread_mutex_lock(&lock);
  if (log_fd >= 0) entry('s', 1, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return next(address, size, flags);
}

int ftruncate(int fd, off_t size) {
  int (*next)(int, off_t) = (int (*)(int, off_t))real("ftruncate");
  if (!watched(fd)) return next(fd, size);
  pthread_mutex_lock(&lock);
  int done = must_fail() ? -1 : next(fd, size);
  int error = errno;
  if (done == 0) entry('t', (uint64_t)size, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}
