/*
 * Records what a process writes to some files through libc, in order, so that a power cut after any of it can be
 * played. LD_PRELOAD this library and name
 *   RECORD_LOG    the file that takes the records
 *   RECORD_COUNT  a file of at least 8 bytes whose first u64 counts the records
 *   RECORD_PATHS  a pattern (fnmatch) of the paths that are recorded
 * A record is a struct entry, the path and the data. All recorded calls are one after the other, so that a sync covers
 * exactly what stands before it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE = 2, SYNC = 3, UNLINK = 4, RENAME = 5 };

struct entry {
  uint32_t op;
  uint32_t path_size;
  uint64_t at;        /* offset of a write, new size of a truncation */
  uint64_t data_size; /* bytes of the data; of a rename the new path is the data */
  uint64_t ns;        /* CLOCK_MONOTONIC when it was done */
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static _Atomic uint64_t *count;
static const char *paths;

__attribute__((constructor)) static void start(void) {
  const char *log = getenv("RECORD_LOG"), *counter = getenv("RECORD_COUNT");
  paths = getenv("RECORD_PATHS");
  if (!log || !counter || !paths) return;
  int fd = open(counter, O_RDWR | O_CLOEXEC);
  if (fd < 0) abort();
  count = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  log_fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (count == MAP_FAILED || log_fd < 0) abort();
}

static int recorded(const char *path) { return log_fd >= 0 && path[0] == '/' && fnmatch(paths, path, 0) == 0; }

/* The path of a descriptor, if its file is recorded. */
static int path_of(int fd, char *path, size_t room) {
  char link[32];
  if (log_fd < 0 || fd == log_fd) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, room - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return recorded(path);
}

static void put(const void *bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t n = syscall(SYS_write, log_fd, (const char *)bytes + done, size - done);
    if (n <= 0) abort();
    done += (size_t)n;
  }
}

static void record(uint32_t op, const char *path, uint64_t at, const void *data, size_t size) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  struct entry entry = {op, (uint32_t)strlen(path), at, size, ns};
  put(&entry, sizeof entry);
  put(path, entry.path_size);
  put(data, size);
  ++*count;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define TURN(result, call, then)      \
  pthread_mutex_lock(&turn);          \
  __typeof__(call) result = (call);   \
  if (result >= 0) { then; }          \
  pthread_mutex_unlock(&turn);        \
  return result

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  char path[4096];
  if (!path_of(fd, path, sizeof path)) return NEXT(pwrite)(fd, bytes, size, at);
  TURN(n, NEXT(pwrite)(fd, bytes, size, at), record(WRITE, path, (uint64_t)at, bytes, (size_t)n));
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  char path[4096];
  if (!path_of(fd, path, sizeof path)) return NEXT(pwrite64)(fd, bytes, size, at);
  TURN(n, NEXT(pwrite64)(fd, bytes, size, at), record(WRITE, path, (uint64_t)at, bytes, (size_t)n));
}

ssize_t write(int fd, const void *bytes, size_t size) {
  char path[4096];
  if (!path_of(fd, path, sizeof path)) return NEXT(write)(fd, bytes, size);
  off_t at = lseek(fd, 0, SEEK_CUR);
  TURN(n, NEXT(write)(fd, bytes, size), record(WRITE, path, (uint64_t)at, bytes, (size_t)n));
}

int ftruncate(int fd, off_t size) {
  char path[4096];
  if (!path_of(fd, path, sizeof path)) return NEXT(ftruncate)(fd, size);
  TURN(failed, NEXT(ftruncate)(fd, size), record(TRUNCATE, path, (uint64_t)size, "", 0));
}

int ftruncate64(int fd, off64_t size) {
  char path[4096];
  if (!path_of(fd, path, sizeof path)) return NEXT(ftruncate64)(fd, size);
  TURN(failed, NEXT(ftruncate64)(fd, size), record(TRUNCATE, path, (uint64_t)size, "", 0));
}

int fsync(int fd) {
  char path[4096];
  if (!path_of(fd, path, sizeof path)) return NEXT(fsync)(fd);
  TURN(failed, NEXT(fsync)(fd), record(SYNC, path, 0, "", 0));
}

int fdatasync(int fd) {
  char path[4096];
  if (!path_of(fd, path, sizeof path)) return NEXT(fdatasync)(fd);
  TURN(failed, NEXT(fdatasync)(fd), record(SYNC, path, 0, "", 0));
}

int unlink(const char *path) {
  if (!recorded(path)) return NEXT(unlink)(path);
  TURN(failed, NEXT(unlink)(path), record(UNLINK, path, 0, "", 0));
}

int rename(const char *from, const char *to) {
  if (!recorded(from) && !recorded(to)) return NEXT(rename)(from, to);
  TURN(failed, NEXT(rename)(from, to), record(RENAME, from, 0, to, strlen(to)));
}
