import { LIMITS } from "../base/mod.ts";

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const FIRST_CAPACITY = 64 * 1024;

/** Stands in the place of a line that was too long and has been dropped; compare by identity. */
export const OVERLONG_LINE: Uint8Array = new Uint8Array(0);

/**
 * Cuts a stream of chunks into lines, in linear time and with at most one line of memory. Lines end with LF or
 * CRLF; the last needs no end. Lines of nothing but white space are left out and do not count. A line of more than
 * `maxBytes` comes out as OVERLONG_LINE and its bytes are dropped as they arrive. With `keepBlank` blank lines
 * come out too, for a caller that counts lines as an editor does.
 *
 * Lines may be views of the chunk passed in, so they are good until its buffer is used again.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #keepBlank: boolean;
  /** The line begun in earlier chunks, in the first `#held` bytes. One byte more than a line, for a CR. */
  #buffer = new Uint8Array(0);
  #held = 0;
  /** The rest of this line is dropped. */
  #skipping = false;

  constructor(maxBytes: number = LIMITS.ndjsonLineBytes, keepBlank = false) {
    this.#maxBytes = maxBytes;
    this.#keepBlank = keepBlank;
  }

  /** The lines that end in this chunk. */
  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#finish(chunk.subarray(start, end), lines);
      start = end + 1;
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
    return lines;
  }

  /** The last line, if the stream did not end with a line end. */
  end(): Uint8Array[] {
    const lines: Uint8Array[] = [];
    this.#finish(new Uint8Array(0), lines);
    return lines;
  }

  /** Ends the current line with `rest`. */
  #finish(rest: Uint8Array, lines: Uint8Array[]): void {
    let line = rest;
    if (this.#held > 0 && !this.#skipping) {
      this.#hold(rest);
      line = this.#buffer.slice(0, this.#held);
    }
    const skipped = this.#skipping;
    this.#release();
    if (line.at(-1) === RETURN) line = line.subarray(0, -1);
    if (skipped || line.length > this.#maxBytes) lines.push(OVERLONG_LINE);
    else if (this.#keepBlank || !isBlank(line)) lines.push(line);
  }

  #hold(part: Uint8Array): void {
    if (this.#skipping) return;
    const needed = this.#held + part.length;
    if (needed > this.#maxBytes + 1) {
      this.#release();
      this.#skipping = true;
      return;
    }
    if (needed > this.#buffer.length) {
      const capacity = Math.min(
        this.#maxBytes + 1,
        Math.max(needed, 2 * this.#buffer.length, FIRST_CAPACITY),
      );
      const grown = new Uint8Array(capacity);
      grown.set(this.#buffer.subarray(0, this.#held));
      this.#buffer = grown;
    }
    this.#buffer.set(part, this.#held);
    this.#held = needed;
  }

  #release(): void {
    this.#held = 0;
    this.#skipping = false;
    if (this.#buffer.length > FIRST_CAPACITY) this.#buffer = new Uint8Array(0);
  }
}

function isBlank(line: Uint8Array): boolean {
  for (const byte of line) {
    if (byte !== 0x20 && byte !== 0x09 && byte !== RETURN) return false;
  }
  return true;
}
