import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { ensureDir, errnoOf, Fault, fileFault, fsyncDir, readIfThere } from "../base/mod.ts";

/** Bytes of randomness in a key. */
const KEY_BYTES = 32;
/** Shorter keys, as somebody may have written them into the file, can be guessed. */
const MIN_KEY_CHARS = 16;

/** A new key: 256 random bits as 64 hex digits. */
export function newKey(): string {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES)).toHex();
}

/**
 * The admin key in the file `path`, made there on the first call (file 0600 in a directory 0700, on disk before this
 * returns). Log the path, never the key.
 * @param fresh what becomes the key if there is none
 * @throws Fault storage_error or disk_full when the file cannot be written or read; damaged when it holds no key.
 */
export function bootstrapAdminKey(path: string, fresh = newKey()): { key: string; created: boolean } {
  const content = readIfThere(path);
  const key = content?.trim() ?? "";
  if (key.length >= MIN_KEY_CHARS) return { key, created: false };
  if (key !== "") {
    throw new Fault(
      "damaged",
      `the admin key in ${path} has fewer than ${MIN_KEY_CHARS} characters; delete the file and start again to get a new one`,
    );
  }
  // An empty file is what a power cut during the first start leaves: nobody has seen that key.
  if (content !== undefined) rmSync(path, { force: true });
  createKeyFile(path, fresh);
  return { key: fresh, created: true };
}

function createKeyFile(path: string, key: string): void {
  ensureDir(dirname(path), 0o700);
  try {
    // "wx" is O_EXCL: never writes into a file or through a link that somebody put there.
    const fd = openSync(path, "wx", 0o600);
    try {
      writeSync(fd, `${key}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    fsyncDir(dirname(path));
  } catch (cause) {
    // A half-written key must not be taken for a whole one at the next start; a file of somebody else stays.
    if (errnoOf(cause) !== "EEXIST") rmSync(path, { force: true });
    throw fileFault("create the admin key", path, cause);
  }
}
