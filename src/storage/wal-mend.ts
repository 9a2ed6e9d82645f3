import { readFileSync } from "node:fs";
import { atomicWrite } from "../base/mod.ts";
import { checksum, FRAME_BYTES, type Log, readLog, scanWal, scanWalBytes, WAL_HEADER_BYTES } from "./wal.ts";

/*
 * A flipped bit in the write-ahead log would hide every commit behind it. The log's checksum is linear over its words
 * (modulo 2^32), so that the bits whose flip explains a wrong sum can be computed. Where it is one, it is put right.
 * Where several would do (a change of a word's high bits leaves little of itself in the sums), the frame is taken as it
 * is and the sums are made anew: the flipped bit is then one of a page of the database, where rows have checksums of
 * their own. What a power cut leaves, a frame of which a part was written, is never explained by one bit: some 2^15
 * explanations stand against 2^64 sums.
 */

/** Frames that are mended at most; more is no chance event. */
const MOST = 8;

/**
 * How a log ends: `whole`; `flipped`, by a bit that can be put right; `damaged`, since whole commits lie behind the one
 * that is broken, which was synced before they were written unless they were relaxed; or `cut`, as a power cut leaves
 * the last commit, which nobody was promised.
 */
export type WalState = "whole" | "flipped" | "damaged" | "cut";

export function walState(path: string): WalState {
  const { brokenAt, frames } = scanWal(path);
  if (brokenAt === undefined) return "whole";
  if (mend(new Uint8Array(readFileSync(path)), brokenAt)) return "flipped";
  const commits = frames.slice(Math.max(0, brokenAt - 1)).filter(({ commit }) => commit > 0);
  return brokenAt === 0 || commits.length > 1 ? "damaged" : "cut";
}

/** Mends a log in which single bits were flipped; the file changes at once or not at all. @returns frames mended */
export function mendWal(path: string): number {
  if (scanWal(path).brokenAt === undefined) return 0;
  const bytes = new Uint8Array(readFileSync(path));
  let mended = 0;
  while (mended < MOST) {
    const { brokenAt } = scanWalBytes(bytes);
    if (brokenAt === undefined || !mend(bytes, brokenAt)) break;
    mended += 1;
  }
  if (mended > 0) atomicWrite(path, bytes);
  return mended;
}

/** @param frame its number, from 1; 0 = the header @returns whether it fits now */
function mend(bytes: Uint8Array, frame: number): boolean {
  if (frame === 0) return flip(bytes, flippedInHeader(bytes.subarray(0, WAL_HEADER_BYTES)));
  const log = readLog(view(bytes.subarray(0, WAL_HEADER_BYTES)));
  if (!log) return false;
  const size = FRAME_BYTES + log.pageSize;
  const at = WAL_HEADER_BYTES + (frame - 1) * size;
  const before = view(bytes).getUint32(frame === 1 ? 24 : at - size + 16);
  const beforeB = view(bytes).getUint32(frame === 1 ? 28 : at - size + 20);
  const found = flippedInFrame(view(bytes.subarray(at, at + size)), log, [before, beforeB]);
  if (found.length > 1) return sumAnew(bytes, log, at, [before, beforeB]);
  return flip(bytes, found[0] === undefined ? undefined : at * 8 + found[0]);
}

function flip(bytes: Uint8Array, bit: number | undefined): boolean {
  if (bit === undefined) return false;
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  return true;
}

/** Makes the sums of a frame fit its content, and those behind it that had gone on from what it said. */
function sumAnew(bytes: Uint8Array, log: Log, first: number, seed: [number, number]): boolean {
  const size = FRAME_BYTES + log.pageSize;
  let told: [number, number] | undefined;
  const sums: [number, number] = [seed[0], seed[1]];
  for (let at = first; at + size <= bytes.length; at += size) {
    const frame = view(bytes.subarray(at, at + size));
    if (log.salts.some((salt, i) => frame.getUint32(8 + 4 * i) !== salt)) break;
    const stored: [number, number] = [frame.getUint32(16), frame.getUint32(20)];
    if (told) {
      sumFrame(frame, log.big, told);
      if (told[0] !== stored[0] || told[1] !== stored[1]) break;
    }
    sumFrame(frame, log.big, sums);
    frame.setUint32(16, sums[0]);
    frame.setUint32(20, sums[1]);
    told = stored;
  }
  return true;
}

function sumFrame(frame: DataView, big: boolean, sums: [number, number]): void {
  checksum(frame, 0, 8, big, sums);
  checksum(frame, FRAME_BYTES, frame.byteLength, big, sums);
}

function flippedInHeader(head: Uint8Array): number | undefined {
  for (let bit = 0; bit < WAL_HEADER_BYTES * 8; bit++) {
    const tried = head.slice();
    tried[bit >> 3]! ^= 1 << (bit & 7);
    if (readLog(view(tried))) return bit;
  }
  return undefined;
}

/** The bits, counted from the frame's first, whose flip makes it fit: none, one, or several. */
function flippedInFrame(frame: DataView, log: Log, seed: [number, number]): number[] {
  const sums: [number, number] = [seed[0], seed[1]];
  sumFrame(frame, log.big, sums);
  const told = [frame.getUint32(16), frame.getUint32(20)] as const;
  // salts are not summed; the sum is not either
  const salts = [8, 12].map((at, i) => ({ at, wrong: (frame.getUint32(at) ^ log.salts[i]!) >>> 0 }));
  const wrongSums = [16, 20].map((at, i) => ({ at, wrong: (told[i]! ^ sums[i]!) >>> 0 }));
  const sound = wrongSums.every(({ wrong }) => wrong === 0);
  if (sound) return oneBit(salts);
  if (salts.some(({ wrong }) => wrong !== 0)) return [];
  return [...oneBit(wrongSums), ...flippedWords(frame, log.big, [told[0] - sums[0], told[1] - sums[1]])];
}

/** The bit by which big-endian words differ from what they should be, when it is one in all. */
function oneBit(words: readonly { at: number; wrong: number }[]): number[] {
  const wrong = words.filter((word) => word.wrong !== 0);
  const [first] = wrong;
  if (wrong.length !== 1 || !first || (first.wrong & (first.wrong - 1)) !== 0) return [];
  return [bitAt(first.at, 31 - Math.clz32(first.wrong), true)];
}

/** Position of bit `n` (0 = least) of the word at a byte. */
function bitAt(byte: number, n: number, big: boolean): number {
  const place = big ? 3 - (n >> 3) : n >> 3;
  return (byte + place) * 8 + (n & 7);
}

/**
 * The bits of the summed words whose flip changes the sums by `missing`. A pair of words (x, y) takes the sums (a, b)
 * to a' = a + x + b, b' = b + y + a'; a change of x or y then grows by (a, b) → (a + b, a + 2b) with each further pair.
 */
function flippedWords(frame: DataView, big: boolean, missing: [number, number]): number[] {
  const found: number[] = [];
  const [wantedA, wantedB] = [missing[0] | 0, missing[1] | 0];
  let [xa, xb, ya, yb] = [1, 1, 0, 1];
  for (let at = frame.byteLength - 8; at >= 0; at -= 8) {
    // of the frame's header only the first two words are summed
    if (at < FRAME_BYTES && at > 0) continue;
    for (const [word, a, b] of [
      [at, xa, xb],
      [at + 4, ya, yb],
    ] as const) {
      const value = frame.getUint32(word, !big);
      for (let n = 0; n < 32; n++) {
        const change = (value >>> n) & 1 ? -(1 << n) : 1 << n;
        if (Math.imul(a, change) === wantedA && Math.imul(b, change) === wantedB)
          found.push(bitAt(word, n, big));
      }
    }
    [xa, xb] = [(xa + xb) | 0, (xa + 2 * xb) | 0];
    [ya, yb] = [(ya + yb) | 0, (ya + 2 * yb) | 0];
  }
  return found;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
