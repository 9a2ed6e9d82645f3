import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import {
  atomicWrite,
  ensureDir,
  fileCalls,
  fileFault,
  fsyncDir,
  readIfThere,
  syncFile,
} from "../base/mod.ts";

/** What became of a file. */
export type Change = "created" | "updated" | "kept";

/** Makes a file say `text`. @returns what had to be done */
export function putText(path: string, text: string, mode: number): Change {
  const there = readIfThere(path);
  if (there === text) return "kept";
  ensureDir(dirname(path), 0o755);
  atomicWrite(path, text, mode);
  // the mode of a new file is cut by the caller's umask
  chmodSync(path, mode);
  return there === undefined ? "created" : "updated";
}

/** Makes a file only if there is none: it belongs to whoever looks after the device. */
export function offerText(path: string, text: string, mode: number): Change {
  return existsSync(path) ? "kept" : putText(path, text, mode);
}

/** Puts an executable in place of another one at once, which is kept as `previous`. */
export function putBinary(from: string, to: string, previous: string): Change {
  try {
    const there = existsSync(to);
    if (there && readFileSync(from).equals(readFileSync(to))) return "kept";
    ensureDir(dirname(to), 0o755);
    const temp = `${to}.new`;
    copyFileSync(from, temp);
    chmodSync(temp, 0o755);
    syncFile(temp);
    if (there) {
      copyFileSync(to, `${previous}.new`);
      fileCalls.renameSync(`${previous}.new`, previous);
    }
    fileCalls.renameSync(temp, to);
    fsyncDir(dirname(to));
    return there ? "updated" : "created";
  } catch (cause) {
    throw fileFault("install", to, cause);
  }
}

export function remove(path: string): boolean {
  if (!existsSync(path)) return false;
  rmSync(path, { recursive: true, force: true });
  return true;
}
