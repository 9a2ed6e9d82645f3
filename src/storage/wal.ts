import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";

/*
 * SQLite's write-ahead log (https://sqlite.org/fileformat2.html#walformat). Opening a database reads it up to the first
 * frame that does not fit the running checksum and drops the rest without a word, since that is how a log ends that a
 * power cut left. The same happens to commits behind a frame that was damaged later, so that we look ourselves.
 */

export const WAL_HEADER_BYTES = 32;
/** Of the header before each page. */
export const FRAME_BYTES = 24;
const MAGIC = 0x377f0682;

export interface WalFrame {
  /** Number of the page, from 1. */
  page: number;
  /** Where the page's content begins in the file. */
  offset: number;
  /** Pages of the database after this frame's commit; 0 = not the last frame of a commit. */
  commit: number;
  /** It fits the running checksum, as all before it do. */
  sound: boolean;
}

export interface WalScan {
  pageSize: number;
  /** Frames of the log's present round, sound or not. */
  frames: WalFrame[];
  /** Number of the frame, from 1, at which SQLite stops though the log goes on; 0 = the header is damaged. */
  brokenAt: number | undefined;
}

const NOTHING: WalScan = { pageSize: 0, frames: [], brokenAt: undefined };

/** The sums of SQLite's checksum over 32-bit words, in the byte order that the header names. */
export function checksum(
  bytes: DataView,
  start: number,
  end: number,
  big: boolean,
  seed: [number, number],
): void {
  let [a, b] = seed;
  for (let at = start; at < end; at += 8) {
    a = (a + bytes.getUint32(at, !big) + b) | 0;
    b = (b + bytes.getUint32(at + 4, !big) + a) | 0;
  }
  seed[0] = a >>> 0;
  seed[1] = b >>> 0;
}

/** Reads a write-ahead log. @throws the system's error when the file cannot be read */
export function scanWal(path: string): WalScan {
  if (!existsSync(path)) return NOTHING;
  const fd = openSync(path, "r");
  try {
    return scan((at, length) => read(fd, at, length), fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

/** Reads a write-ahead log that is in memory. */
export function scanWalBytes(bytes: Uint8Array): WalScan {
  return scan((at, length) => bytes.subarray(at, at + length), bytes.length);
}

type Read = (at: number, length: number) => Uint8Array;

/** What the header of a log says. */
export interface Log {
  pageSize: number;
  /** Words are summed in big-endian order. */
  big: boolean;
  salts: [number, number];
  /** Where the running checksum begins. */
  seed: [number, number];
}

/** Reads the header; undefined when it is damaged. */
export function readLog(head: DataView): Log | undefined {
  const big = (head.getUint32(0) & 1) === 1;
  const pageSize = head.getUint32(8);
  const seed: [number, number] = [0, 0];
  checksum(head, 0, 24, big, seed);
  const known = (head.getUint32(0) & ~1) >>> 0 === MAGIC && pageSize >= 512 && pageSize <= 65_536;
  if (!known || seed[0] !== head.getUint32(24) || seed[1] !== head.getUint32(28)) return undefined;
  return { pageSize, big, salts: [head.getUint32(16), head.getUint32(20)], seed };
}

function scan(readAt: Read, size: number): WalScan {
  if (size < WAL_HEADER_BYTES) return NOTHING;
  const log = readLog(viewOf(readAt(0, WAL_HEADER_BYTES)));
  if (log) return frames(readAt, size, log);
  return size > WAL_HEADER_BYTES ? { ...NOTHING, brokenAt: 0 } : NOTHING;
}

function frames(readAt: Read, size: number, log: Log): WalScan {
  const { pageSize, big, salts } = log;
  const seed: [number, number] = [log.seed[0], log.seed[1]];
  const found: WalFrame[] = [];
  let brokenAt: number | undefined;
  for (let at = WAL_HEADER_BYTES; at + FRAME_BYTES + pageSize <= size; at += FRAME_BYTES + pageSize) {
    const frame = viewOf(readAt(at, FRAME_BYTES + pageSize));
    // one of the two may have been hit; both differ in what an earlier round left
    const fits = salts.filter((salt, i) => frame.getUint32(8 + 4 * i) === salt).length;
    if (fits === 0) break;
    checksum(frame, 0, 8, big, seed);
    checksum(frame, FRAME_BYTES, frame.byteLength, big, seed);
    const sums = seed[0] === frame.getUint32(16) && seed[1] === frame.getUint32(20);
    const sound = brokenAt === undefined && fits === 2 && sums;
    found.push({ page: frame.getUint32(0), offset: at + FRAME_BYTES, commit: frame.getUint32(4), sound });
    if (!sound) brokenAt ??= found.length;
    // the next frame may be whole even so: it goes on from what this one says
    if (!sums) {
      seed[0] = frame.getUint32(16);
      seed[1] = frame.getUint32(20);
    }
  }
  return { pageSize, frames: found, brokenAt };
}

function read(fd: number, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  readSync(fd, bytes, 0, length, at);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
