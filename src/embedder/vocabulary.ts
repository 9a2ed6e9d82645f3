/**
 * The vocabulary as a hash table over the model's own UTF-8 bytes, in memory that all threads share. Open addressing
 * with linear probing; a slot is 0 or 16 bits of the hash above row + 1, so that most misses touch no other memory.
 * A Map of strings would cost each thread several MB.
 */

/** FNV-1a over bytes. */
const HASH_SEED = 0x811c9dc5 | 0;
const HASH_PRIME = 0x01000193;
const NEWLINE = 0x0a;
/** `##` before a piece that continues a word. No other piece of two characters or more begins with `#`. */
const MARK = 0x23;
const MARK_BYTES = 2;

function step(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, HASH_PRIME);
}

/** The state of the hash after `##`: continuing pieces are hashed with their mark. */
const CONTINUED_SEED = step(step(HASH_SEED, MARK), MARK);

export const MAX_ROWS = 0xffff;

/** Slots for `rows` entries: the power of two that leaves at least half of them free. */
export function slotCount(rows: number): number {
  return 2 ** Math.ceil(Math.log2(rows * 2));
}

export interface VocabularyParts {
  /** The pieces in row order, joined by newlines. */
  bytes: Uint8Array;
  /** Where each piece begins; one more entry says where the next would. */
  starts: Uint32Array;
  slots: Uint32Array;
}

/** Fills `starts` and `slots` from `bytes`. False when the number of pieces is not that of the rows. */
export function indexVocabulary({ bytes, starts, slots }: VocabularyParts): boolean {
  const rows = starts.length - 1;
  let row = 0;
  let hash = HASH_SEED;
  for (let at = 0; at <= bytes.length; at++) {
    if (at < bytes.length && bytes[at] !== NEWLINE) {
      hash = step(hash, bytes[at]!);
      continue;
    }
    if (row === rows) return false;
    let slot = spread(hash) & (slots.length - 1);
    while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
    slots[slot] = tagOf(hash) | (row + 1);
    starts[++row] = at + 1;
    hash = HASH_SEED;
  }
  return row === rows;
}

function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}

function tagOf(hash: number): number {
  return hash & 0xffff0000;
}

/** Splits words into the rows of their pieces. Not shared: it has scratch of its own. */
export class Vocabulary {
  private readonly longest: number;
  /** Hash of the bytes up to each place of the piece that is looked for. */
  private readonly hashes: Int32Array;

  constructor(private readonly parts: VocabularyParts) {
    const { starts } = parts;
    let longest = 0;
    for (let row = 1; row < starts.length; row++) {
      longest = Math.max(longest, starts[row]! - starts[row - 1]! - 1);
    }
    this.longest = longest;
    this.hashes = new Int32Array(longest + 1);
  }

  /**
   * Writes the rows of the pieces of `word` (its first `length` bytes) into `out` from `at` on, longest match first;
   * pieces that do not fit are dropped. Returns the new end, which is `at` when a part of the word is unknown.
   */
  split(word: Uint8Array, length: number, out: Uint16Array, at: number): number {
    let end = at;
    for (let from = 0; from < length; ) {
      const found = this.longestPiece(word, from, length);
      if (found === 0) return at;
      if (end < out.length) out[end++] = (found & 0xffff) - 1;
      from += found >>> 16;
    }
    return end;
  }

  /** Row + 1 and, above 16 bits, the length in bytes of the longest piece at `from`; 0 when there is none. */
  private longestPiece(word: Uint8Array, from: number, length: number): number {
    const most = Math.min(length - from, this.longest);
    let hash = from === 0 ? HASH_SEED : CONTINUED_SEED;
    for (let n = 1; n <= most; n++) {
      hash = step(hash, word[from + n - 1]!);
      this.hashes[n] = hash;
    }
    for (let n = most; n > 0; n--) {
      const row = this.find(this.hashes[n]!, word, from, n);
      if (row !== 0) return (n << 16) | row;
    }
    return 0;
  }

  private find(hash: number, word: Uint8Array, from: number, length: number): number {
    const { slots } = this.parts;
    const mask = slots.length - 1;
    const tag = tagOf(hash) >>> 16;
    for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]!;
      if (entry === 0) return 0;
      if (entry >>> 16 === tag && this.isPiece(entry & 0xffff, word, from, length)) return entry & 0xffff;
    }
  }

  private isPiece(rowPlusOne: number, word: Uint8Array, from: number, length: number): boolean {
    const { bytes, starts } = this.parts;
    let start = starts[rowPlusOne - 1]!;
    const size = starts[rowPlusOne]! - start - 1;
    if (from > 0) {
      if (size !== length + MARK_BYTES || bytes[start] !== MARK || bytes[start + 1] !== MARK) return false;
      start += MARK_BYTES;
    } else if (size !== length) return false;
    for (let i = 0; i < length; i++) if (bytes[start + i] !== word[from + i]) return false;
    return true;
  }
}
