import { lstatSync, mkdirSync, statfsSync } from "node:fs";
import { resolve } from "node:path";

const SHM = "/dev/shm";
/** Magic number of tmpfs (statfs(2)). */
const TMPFS = 0x01021994;

/**
 * A directory in memory, of this user alone, for what may never reach a disk; the same one for a data directory each
 * time, so that what a killed process left there is found. Undefined where the system has no such place.
 */
export function volatileDir(dataDir: string): string | undefined {
  const name = Bun.hash.xxHash64(resolve(dataDir)).toString(16).padStart(16, "0");
  const path = `${SHM}/dwbase-${process.getuid?.() ?? 0}-${name}`;
  try {
    if (statfsSync(SHM).type !== TMPFS) return undefined;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const made = lstatSync(path);
    const ours = made.isDirectory() && made.uid === process.getuid?.() && (made.mode & 0o077) === 0;
    return ours ? path : undefined;
  } catch {
    return undefined;
  }
}
