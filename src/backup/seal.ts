import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { equalBytes, errnoOf, Fault, fileFault } from "../base/mod.ts";

/*
 * The last bytes of an archive: a skippable frame of zstd (RFC 8878, 3.1.2), which every decoder passes over, with the
 * length of all before it and its SHA-256. So every byte of the file is covered, the lengths of the frame included.
 */
const FRAME_MAGIC = 0x184d2a50;
const CONTENT_BYTES = 48;
const MARK = "DWSEAL01";
export const SEAL_BYTES = 8 + CONTENT_BYTES;
/** Read and hashed at a time. */
const CHUNK = 256 * 1024;

/** @param length bytes before the seal @param sha256 of them */
export function encodeSeal(length: number, sha256: Uint8Array): Uint8Array {
  const seal = Buffer.alloc(SEAL_BYTES);
  seal.writeUInt32LE(FRAME_MAGIC, 0);
  seal.writeUInt32LE(CONTENT_BYTES, 4);
  seal.write(MARK, 8, "latin1");
  seal.writeBigUInt64LE(BigInt(length), 16);
  seal.set(sha256, 24);
  return seal;
}

/**
 * Reads every byte of an archive and compares it with its seal.
 * @returns the bytes before the seal
 * @throws Fault damaged when a byte was changed, added or cut; not_found; storage_error when the file cannot be read
 */
export async function checkSeal(
  path: string,
  progress: (done: number, total: number) => void,
): Promise<number> {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") throw new Fault("not_found", `there is no file ${path}`);
    throw fileFault("read", path, cause);
  }
  try {
    const size = fstatSync(fd).size;
    const length = size - SEAL_BYTES;
    if (length <= 0) throw notWhole(path, "it is too short to be an archive");
    const hash = new Bun.CryptoHasher("sha256");
    const buffer = Buffer.alloc(CHUNK);
    for (let at = 0; at < length; ) {
      const got = readSync(fd, buffer, 0, Math.min(CHUNK, length - at), at);
      if (got === 0) throw notWhole(path, "it ends too soon");
      hash.update(buffer.subarray(0, got));
      at += got;
      progress(at, length);
      // other work of the process goes on
      await Bun.sleep(0);
    }
    const found = Buffer.alloc(SEAL_BYTES);
    if (readSync(fd, found, 0, SEAL_BYTES, length) !== SEAL_BYTES) throw notWhole(path, "it ends too soon");
    if (!equalBytes(found, encodeSeal(length, hash.digest()))) {
      throw notWhole(
        path,
        "its seal does not fit its bytes: it was changed or cut, or is no archive of dwbase",
      );
    }
    return length;
  } catch (cause) {
    throw cause instanceof Fault ? cause : fileFault("read", path, cause);
  } finally {
    closeSync(fd);
  }
}

function notWhole(path: string, why: string): Fault {
  return new Fault("damaged", `${path} cannot be used: ${why}; take another backup`, { op: "verify backup" });
}
