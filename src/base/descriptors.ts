import { readdirSync, readFileSync, statSync } from "node:fs";

const OPEN = "/proc/self/fd";

/** How many files and sockets this process has open; infinitely many when not one more can be opened to count them. */
export function openDescriptors(): number {
  // Linux 6.2 and later tell it as the directory's size, older ones tell 0
  const told = statSync(OPEN).size;
  if (told > 0) return told;
  try {
    return readdirSync(OPEN).length;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** How many it may have open; the runtime raises the soft limit to the hard one when it starts. */
export function descriptorLimit(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
}
