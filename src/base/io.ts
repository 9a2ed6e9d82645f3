import { readFileSync } from "node:fs";

/** Bytes that this process had the kernel write to storage since it began (0 where /proc does not tell). */
export function writtenBytes(): number {
  try {
    return Number(/^write_bytes: (\d+)/m.exec(readFileSync("/proc/self/io", "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
