import { mkdirSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, Fault, fileFault, MB } from "../base/mod.ts";

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

const WORK = ".dwbase-work-";

/** A directory beside what is made in it, named after this process; what dead processes left is removed. */
export function workDirectory(parent: string): string {
  sweepWork(parent);
  const dir = join(parent, `${WORK}${process.pid}`);
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (cause) {
    throw fileFault("create directory", dir, cause);
  }
  return dir;
}

function sweepWork(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(WORK) || isAlive(Number(name.slice(WORK.length)))) continue;
    rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}

/** Removes a directory of ours. Of a volume that is gone nothing can be removed, and that was said before. */
export function removeWork(dir: string): void {
  try {
    rmSync(dir, { recursive: true, force: true });
  } catch {
    // what stays is removed by the next backup there
  }
}
