/*
 * Faults of a disk and of the clock for a process that asks libc for both: LD_PRELOAD this library and name
 *   FAULTS_CONTROL  a file of at least sizeof(struct faults) bytes, shared with whoever sets the faults
 *   FAULTS_PATHS    a pattern (fnmatch) of the paths that are hit, e.g. "*" or "*.db-wal"
 * All fields are 0 at first: nothing happens. Fields are 32-bit integers in the byte order of the machine.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct faults {
  _Atomic int32_t sync_delay_ms; /* every fsync and fdatasync takes so much longer */
  _Atomic int32_t sync_errno;    /* fsync and fdatasync fail with it */
  _Atomic int32_t write_errno;   /* writes fail with it */
  _Atomic int32_t short_writes;  /* so many writes take half of their bytes only */
  _Atomic int32_t after;         /* so many more calls go well before the first fault */
  _Atomic int32_t failures;      /* faults end after so many, 0 = they go on */
  _Atomic int32_t truncate_errno;
  _Atomic int32_t rename_errno;
  _Atomic int32_t clock_shift_s; /* the wall clock is off by so much */
  _Atomic int32_t syncs;         /* counted here: syncs seen, faults made */
  _Atomic int32_t made;
};

static struct faults none;
static struct faults *faults = &none;
static const char *paths = "*";

__attribute__((constructor)) static void start(void) {
  const char *control = getenv("FAULTS_CONTROL");
  if (getenv("FAULTS_PATHS")) paths = getenv("FAULTS_PATHS");
  if (!control) return;
  int fd = open(control, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *shared = mmap(NULL, sizeof(struct faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (shared != MAP_FAILED) faults = shared;
}

/* Whether the descriptor's file is one of those that are hit. */
static int hit(int fd) {
  char link[32], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return path[0] == '/' && fnmatch(paths, path, 0) == 0;
}

/* Makes a fault: sets errno and returns -1; 0 when there is none to make. */
static int fail(int32_t error) {
  if (error == 0) return 0;
  if (faults->after > 0 && faults->after-- > 0) return 0;
  faults->made++;
  if (faults->failures > 0 && --faults->failures == 0) {
    faults->sync_errno = 0;
    faults->write_errno = 0;
    faults->truncate_errno = 0;
    faults->rename_errno = 0;
  }
  errno = error;
  return -1;
}

static int sync_faults(int fd) {
  if (!hit(fd)) return 0;
  faults->syncs++;
  int32_t ms = faults->sync_delay_ms;
  struct timespec delay = {ms / 1000, (long)(ms % 1000) * 1000000L};
  if (ms > 0) nanosleep(&delay, NULL);
  return fail(faults->sync_errno);
}

/* Bytes that a write may take: all, or half when a short one is due; -1 when it fails. */
static ssize_t allowed(int fd, size_t size) {
  if (faults->write_errno == 0 && faults->short_writes == 0) return (ssize_t)size;
  if (!hit(fd)) return (ssize_t)size;
  if (fail(faults->write_errno)) return -1;
  if (faults->short_writes == 0 || size < 2) return (ssize_t)size;
  faults->short_writes--;
  faults->made++;
  return (ssize_t)(size / 2);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) { return sync_faults(fd) ? -1 : NEXT(fsync)(fd); }
int fdatasync(int fd) { return sync_faults(fd) ? -1 : NEXT(fdatasync)(fd); }

ssize_t write(int fd, const void *bytes, size_t size) {
  ssize_t n = allowed(fd, size);
  return n < 0 ? -1 : NEXT(write)(fd, bytes, (size_t)n);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  ssize_t n = allowed(fd, size);
  return n < 0 ? -1 : NEXT(pwrite)(fd, bytes, (size_t)n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  ssize_t n = allowed(fd, size);
  return n < 0 ? -1 : NEXT(pwrite64)(fd, bytes, (size_t)n, at);
}

static int truncate_faults(int fd) {
  return faults->truncate_errno != 0 && hit(fd) && fail(faults->truncate_errno) ? -1 : 0;
}

int ftruncate(int fd, off_t size) { return truncate_faults(fd) ? -1 : NEXT(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncate_faults(fd) ? -1 : NEXT(ftruncate64)(fd, size); }

int rename(const char *from, const char *to) {
  int hits = faults->rename_errno != 0 && fnmatch(paths, to, 0) == 0;
  return hits && fail(faults->rename_errno) ? -1 : NEXT(rename)(from, to);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = NEXT(clock_gettime)(clock, now);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += faults->clock_shift_s;
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int failed = NEXT(gettimeofday)(now, zone);
  if (now) now->tv_sec += faults->clock_shift_s;
  return failed;
}
