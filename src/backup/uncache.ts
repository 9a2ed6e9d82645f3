import { closeSync, openSync } from "node:fs";

const POSIX_FADV_DONTNEED = 4;

/**
 * Has the kernel let go of what it keeps of a synced file in memory, so that reading it back reads the device. Where
 * that cannot be asked for, the reading shows only what the kernel took.
 */
export async function uncache(path: string): Promise<void> {
  const { dlopen } = await import("bun:ffi");
  const fd = openSync(path, "r");
  try {
    const libc = dlopen("libc.so.6", {
      posix_fadvise: { args: ["i32", "i64", "i64", "i32"], returns: "i32" },
    });
    libc.symbols.posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    libc.close();
  } catch {
    // no libc of that name
  } finally {
    closeSync(fd);
  }
}
