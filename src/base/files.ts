import {
  chownSync,
  closeSync,
  constants,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { Fault } from "./errors.ts";

/**
 * The system calls that put our own files on the disk. Everything that must survive a power cut goes through them, so
 * that tests can have any of them fail.
 */
export const fileCalls = { openSync, writeSync, fsyncSync, renameSync };

/** The errno name of a system error, or "". */
export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** A system error on a file as a sentence with a code. */
export function fileFault(op: string, path: string, cause: unknown): Fault {
  const errno = errnoOf(cause);
  const why: Record<string, string> = {
    ENOSPC: "the disk is full; free some space",
    EDQUOT: "the disk quota is used up; free some space",
    EROFS: "the file system is read-only; remount it or choose another directory",
    EACCES: "permission denied; check the owner and mode",
    EPERM: "permission denied; check the owner and mode",
    ENOTDIR: "a part of the path is not a directory",
    EEXIST: "a file of that name is in the way",
    EISDIR: "it is a directory; name a file",
    ENOENT: "no such file or directory",
    EIO: "the device reported an I/O error; check the disk",
  };
  const code = errno === "ENOSPC" || errno === "EDQUOT" ? "disk_full" : "storage_error";
  return new Fault(code, `cannot ${op} ${path}: ${why[errno] ?? (cause as Error).message}`, { op, cause });
}

export function ensureDir(path: string, mode = 0o700): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (cause) {
    throw fileFault("create directory", path, cause);
  }
}

export function fsyncDir(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    fileCalls.fsyncSync(fd);
  } catch (cause) {
    // some file systems of drives and networks know no fsync of a directory; there is nothing more to do then
    if (!["EINVAL", "ENOTSUP", "ENOSYS"].includes(errnoOf(cause))) throw cause;
  } finally {
    closeSync(fd);
  }
}

/**
 * What root makes in another user's directory is that user's, so that a node which runs as that user can use it. File
 * systems without owners, which need not know chown at all, show everything as the same user's.
 */
export function giveToOwnerOf(dir: string, path: string): void {
  if (process.geteuid?.() !== 0) return;
  try {
    const { uid, gid } = statSync(dir);
    const now = statSync(path);
    if (now.uid !== uid || now.gid !== gid) chownSync(path, uid, gid);
  } catch (cause) {
    throw fileFault("give away", path, cause);
  }
}

/**
 * A file that takes its name only when it is whole: after a power cut the old or the new content is there, never a
 * mix. Temp file beside it, fsync, rename, fsync of the directory. Every method throws Fault disk_full or
 * storage_error; the old file is then untouched.
 */
export class AtomicFile {
  private readonly temp: string;
  private fd: number | undefined;

  constructor(
    readonly path: string,
    mode = 0o600,
  ) {
    this.temp = `${path}.tmp-${process.pid}`;
    this.attempt(() => {
      this.fd = fileCalls.openSync(this.temp, "w", mode);
    });
  }

  write(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    this.attempt((fd) => {
      let at = 0;
      while (at < bytes.length) at += fileCalls.writeSync(fd, bytes, at);
    });
  }

  /** The file is whole: it takes the place of the old one. */
  commit(): void {
    this.attempt((fd) => {
      fileCalls.fsyncSync(fd);
      this.close();
      fileCalls.renameSync(this.temp, this.path);
      fsyncDir(dirname(this.path));
    });
  }

  /** Leaves the old file as it is; after `commit` it does nothing. */
  abandon(): void {
    if (this.fd === undefined) return;
    this.close();
    rmSync(this.temp, { force: true });
  }

  private attempt(act: (fd: number) => void): void {
    try {
      act(this.fd ?? -1);
    } catch (cause) {
      if (this.fd !== undefined) this.close();
      rmSync(this.temp, { force: true });
      throw fileFault("write", this.path, cause);
    }
  }

  private close(): void {
    closeSync(this.fd!);
    this.fd = undefined;
  }
}

/**
 * Replaces `path` with `data` at once; see AtomicFile.
 * @throws Fault disk_full or storage_error; the old file is then untouched.
 */
export function atomicWrite(path: string, data: string | Uint8Array, mode = 0o600): void {
  const file = new AtomicFile(path, mode);
  file.write(data);
  file.commit();
}

/** Content of a text file, or undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return undefined;
    throw fileFault("read", path, cause);
  }
}

/** Flushes what other descriptors wrote to `path` (an fsync covers the whole file). */
export function syncFile(path: string): void {
  const fd = openSync(path, constants.O_RDWR);
  try {
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
