import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { equalBytes, Fault, MB } from "../base/mod.ts";
import { Duplicates } from "./duplicates.ts";

/** What a snapshot of a graph says about itself. */
export interface Seal {
  /** SHA-256 of what must be the same for the file to be of use: store, space, kind of graph. */
  identity: Uint8Array;
  world: number;
  /** The world's removals when the build began. */
  epoch: number;
  /** All rows up to this sequence are in the graph or listed as equal to one that is. */
  lastSeq: number;
  /** Vectors in the graph. */
  count: number;
  /** Pairs in the list of equal vectors. */
  duplicates: number;
}

/*
 * The file: the graph as USearch saves it, the pairs of equal vectors, the seal. USearch reads a file from its first
 * byte, by path only, and does not mind what follows; so what describes the file stands at its end. Little endian:
 *
 *   0 "DWVECIDX"   8 u32 format, u32 0   16 u64 graph bytes   24 u64 world   32 u64 epoch   40 u64 last sequence
 *   48 u64 count   56 u64 pairs   64 identity (32)   96 SHA-256 of everything before
 */
const MAGIC = Buffer.from("DWVECIDX");
const FORMAT = 1;
const DIGEST_AT = 96;
export const SEAL_BYTES = 128;
const PAIR_BYTES = 16;

/** The seal's bytes up to the digest. */
function encodeFields(seal: Seal, graphBytes: number): Buffer {
  const bytes = Buffer.alloc(DIGEST_AT);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(FORMAT, 8);
  const fields = [graphBytes, seal.world, seal.epoch, seal.lastSeq, seal.count, seal.duplicates];
  for (const [i, value] of fields.entries()) bytes.writeBigUInt64LE(BigInt(value), 16 + 8 * i);
  bytes.set(seal.identity, 64);
  return bytes;
}

/** The pairs and the seal that complete a graph's bytes, whose running SHA-256 is given. */
export function encodeEnd(
  seal: Omit<Seal, "duplicates">,
  graphBytes: number,
  duplicates: Duplicates,
  hash: Bun.CryptoHasher,
): Uint8Array {
  const { pairs } = duplicates;
  const fields = encodeFields({ ...seal, duplicates: duplicates.count }, graphBytes);
  const covered = Buffer.concat([new Uint8Array(pairs.buffer, pairs.byteOffset, pairs.byteLength), fields]);
  return Buffer.concat([covered, hash.update(covered).digest()]);
}

function bad(path: string, what: string): Fault {
  return new Fault("damaged", `the vector index ${path} ${what}`);
}

/** @throws Fault damaged */
function decodeSeal(path: string, bytes: Buffer, fileBytes: number): Seal & { digest: Buffer } {
  if (!equalBytes(bytes.subarray(0, 8), MAGIC)) throw bad(path, "is cut off or not one of ours");
  const format = bytes.readUInt32LE(8);
  if (format !== FORMAT) throw bad(path, `has format ${format}, this dwbase knows ${FORMAT}`);
  const numbers = Array.from({ length: 6 }, (_, i) => Number(bytes.readBigUInt64LE(16 + 8 * i)));
  const [graphBytes, world, epoch, lastSeq, count, duplicates] = numbers as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (graphBytes + duplicates * PAIR_BYTES + SEAL_BYTES !== fileBytes) {
    throw bad(path, "is not as long as it says");
  }
  const identity = bytes.subarray(64, DIGEST_AT);
  return { identity, world, epoch, lastSeq, count, duplicates, digest: bytes.subarray(DIGEST_AT) };
}

function withFile<T>(path: string, work: (fd: number, bytes: number) => T): T {
  const fd = openSync(path, "r");
  try {
    return work(fd, fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

function readAt(path: string, fd: number, at: number, into: Uint8Array): void {
  let done = 0;
  while (done < into.length) {
    const read = readSync(fd, into, done, into.length - done, at + done);
    if (read === 0) throw bad(path, "is cut off");
    done += read;
  }
}

function sealOf(path: string, fd: number, fileBytes: number): Seal & { digest: Buffer } {
  if (fileBytes < SEAL_BYTES) throw bad(path, "is cut off");
  const bytes = Buffer.alloc(SEAL_BYTES);
  readAt(path, fd, fileBytes - SEAL_BYTES, bytes);
  return decodeSeal(path, bytes, fileBytes);
}

/**
 * What a snapshot says, its content unchecked.
 * @throws Fault damaged, or the system's error
 */
export function readSeal(path: string): Seal {
  return withFile(path, (fd, fileBytes) => sealOf(path, fd, fileBytes));
}

/** Feeds `bytes` bytes of a file to a hash. */
export function hashFile(path: string, hash: Bun.CryptoHasher, bytes?: number): number {
  return withFile(path, (fd, fileBytes) => {
    const end = bytes ?? fileBytes;
    const chunk = new Uint8Array(MB);
    for (let at = 0; at < end; at += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, end - at));
      readAt(path, fd, at, part);
      hash.update(part);
    }
    return end;
  });
}

/**
 * Checks every byte of a snapshot.
 * @throws Fault damaged, or the system's error
 */
export function verifySnapshot(path: string): Seal {
  const { digest, ...seal } = withFile(path, (fd, bytes) => ({ ...sealOf(path, fd, bytes), bytes }));
  const hash = new Bun.CryptoHasher("sha256");
  hashFile(path, hash, seal.bytes - digest.length);
  if (!equalBytes(hash.digest(), digest)) throw bad(path, "has a wrong checksum");
  const { bytes: _, ...rest } = seal;
  return rest;
}

/** The list of equal vectors of a snapshot that was verified. */
export function readDuplicates(path: string): Duplicates {
  return withFile(path, (fd, fileBytes) => {
    const { duplicates } = sealOf(path, fd, fileBytes);
    const pairs = new Float64Array(duplicates * 2);
    const at = fileBytes - SEAL_BYTES - pairs.byteLength;
    readAt(path, fd, at, new Uint8Array(pairs.buffer));
    return new Duplicates(pairs);
  });
}
