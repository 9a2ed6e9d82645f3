/* Takes HOG_MB of memory HOG_AFTER_MS after the start and keeps it: what no shedding gives back. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long setting(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

/* volatile, else the compiler sees that nobody reads it */
static char *volatile held;

static void *hog(void *unused) {
  size_t bytes = (size_t)setting("HOG_MB") << 20;
  usleep((useconds_t)setting("HOG_AFTER_MS") * 1000);
  held = malloc(bytes);
  if (held) memset(held, 1, bytes);
  for (;;) pause();
  return unused;
}

__attribute__((constructor)) static void start(void) {
  pthread_t thread;
  /* only in the process that stays: serve executes itself anew with a small heap */
  if (setting("HOG_MB") > 0 && getenv("BUN_JSC_forceRAMSize")) pthread_create(&thread, NULL, hog, NULL);
}
