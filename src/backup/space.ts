import { statfsSync } from "node:fs";
import { Fault, MB } from "../base/mod.ts";

/** statfs type of FAT file systems, and the size at which their files end. */
const MSDOS_MAGIC = 0x4d44;
const FAT_FILE_BYTES = 2 ** 32 - 1;
/** Left free on a volume by what we put there. */
const MARGIN = MB;

/** @throws Fault disk_full when less is free at `dir` than `bytes` and a little more */
export function requireSpace(dir: string, bytes: number, what: string): void {
  const disk = statfsSync(dir);
  const free = disk.bavail * disk.bsize;
  if (free >= bytes + MARGIN) return;
  const mb = (n: number): string => `${Math.ceil(n / MB)} MB`;
  throw new Fault(
    "disk_full",
    `${what} needs ${mb(bytes + MARGIN)} at ${dir}, and ${mb(free)} are free; make room or choose another place`,
  );
}

/** @throws Fault disk_full when `dir` is on a file system whose files cannot grow so large */
export function requireFileSize(dir: string, bytes: number): void {
  if (statfsSync(dir).type !== MSDOS_MAGIC || bytes <= FAT_FILE_BYTES) return;
  throw new Fault(
    "disk_full",
    `${dir} is a FAT volume, whose files end at 4 GiB, and the copy may take ${Math.ceil(bytes / MB)} MB; format it as ext4 or exFAT`,
  );
}
