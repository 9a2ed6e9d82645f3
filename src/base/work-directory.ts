import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, fileFault, giveToOwnerOf } from "./files.ts";

const WORK = ".dwbase-work-";

/**
 * A directory in `parent` for what is being made there, named after this process; what dead processes left is removed.
 * @throws Fault disk_full or storage_error
 */
export function workDirectory(parent: string): string {
  sweepWork(parent);
  const dir = join(parent, `${WORK}${process.pid}`);
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (cause) {
    throw fileFault("create directory", dir, cause);
  }
  // so that the owner can sweep it
  giveToOwnerOf(parent, dir);
  return dir;
}

/** Removes work directories whose processes are dead: killed, or cut off with the power. */
export function sweepWork(parent: string): void {
  let names: string[];
  try {
    names = readdirSync(parent);
  } catch {
    // then there is nothing that could be removed
    return;
  }
  for (const name of names) {
    if (name.startsWith(WORK) && !isAlive(Number(name.slice(WORK.length)))) removeWork(join(parent, name));
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
    // what stays is removed by the next sweep
  }
}
