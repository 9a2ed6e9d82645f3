import { write } from "node:fs";
import { errnoOf, LIMITS } from "../base/mod.ts";

/** A full pipe is tried again after so many ms. */
const RETRY_MS = 50;
const NEWLINE = 10;

/** The form of `fs.write` that is used here. */
export type Write = (
  fd: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  done: (error: Error | null, written: number) => void,
) => void;

/**
 * Lines for a descriptor that may be slow, full or gone. Writing happens off the main thread, one write at a time;
 * lines that come meanwhile wait in a bounded buffer. A line that does not fit, or whose write fails, is dropped and
 * counted: a log must never stop the node. (pino's own destination dies of ENOSPC and falls silent after EPIPE.)
 */
export class LineStream {
  private readonly fd: number;
  private readonly writeBytes: Write;
  private waiting: string[] = [];
  /** Bytes of the lines that wait or are being written. */
  private held = 0;
  private busy = false;
  /** A failed write left a part of a line behind, to which the next line must not be glued. */
  private torn = false;
  private lost = 0;
  private idle: (() => void)[] = [];

  constructor(fd: number, writeBytes: Write = write) {
    this.fd = fd;
    this.writeBytes = writeBytes;
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.lost;
  }

  /** Takes one line with its newline. Never throws, never blocks. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.held + bytes > LIMITS.logBufferBytes) {
      this.lost++;
      return;
    }
    this.waiting.push(line);
    this.held += bytes;
    if (!this.busy) this.writeWaiting();
  }

  /** Resolves when all lines are written or dropped, or after `ms`. */
  async flush(ms: number): Promise<void> {
    if (!this.busy) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.idle.push(resolve);
    await promise;
    clearTimeout(timer);
  }

  private writeWaiting(): void {
    if (this.waiting.length === 0) {
      this.busy = false;
      for (const resolve of this.idle.splice(0)) resolve();
      return;
    }
    this.busy = true;
    const mend = this.torn ? "\n" : "";
    const bytes = Buffer.from(mend + this.waiting.join(""));
    const lines = this.waiting.length;
    const size = this.held;
    this.waiting = [];
    this.writeFrom(bytes, 0, (end) => {
      if (end > 0) this.torn = bytes[end - 1] !== NEWLINE;
      if (end < bytes.length) this.lost += lines - newlinesBetween(bytes, mend.length, end);
      this.held -= size;
      this.writeWaiting();
    });
  }

  /** Writes from `offset` on; `done` gets where it ended, which is before the end when a write failed. */
  private writeFrom(bytes: Uint8Array, offset: number, done: (end: number) => void): void {
    this.writeBytes(this.fd, bytes, offset, bytes.length - offset, (error, written) => {
      if (error && errnoOf(error) === "EAGAIN") {
        setTimeout(() => this.writeFrom(bytes, offset, done), RETRY_MS).unref();
        return;
      }
      const end = error ? offset : offset + written;
      if (error || end === bytes.length) done(end);
      else this.writeFrom(bytes, end, done);
    });
  }
}

function newlinesBetween(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE, start); at >= 0 && at < end; at = bytes.indexOf(NEWLINE, at + 1))
    count++;
  return count;
}
