import { write } from "node:fs";
import { errnoOf, LIMITS } from "../base/mod.ts";

/** A full pipe is tried again after so many ms. */
const RETRY_MS = 50;

/** Writes bytes to a descriptor and calls back; the signature of `fs.write` that is used here. */
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
  private waitingBytes = 0;
  private busy = false;
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
    if (this.waitingBytes + bytes > LIMITS.logBufferBytes) {
      this.lost++;
      return;
    }
    this.waiting.push(line);
    this.waitingBytes += bytes;
    if (!this.busy) this.writeNext();
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

  private writeNext(): void {
    if (this.waiting.length === 0) {
      this.busy = false;
      for (const resolve of this.idle.splice(0)) resolve();
      return;
    }
    this.busy = true;
    const lines = this.waiting;
    this.waiting = [];
    this.writeAll(Buffer.from(lines.join("")), 0, lines.length);
  }

  /** Goes on at `offset` of a buffer of `lines` lines, which counts against the bound until it is gone. */
  private writeAll(bytes: Uint8Array, offset: number, lines: number): void {
    this.writeBytes(this.fd, bytes, offset, bytes.length - offset, (error, written) => {
      if (error && errnoOf(error) === "EAGAIN") {
        setTimeout(() => this.writeAll(bytes, offset, lines), RETRY_MS).unref();
        return;
      }
      const end = offset + (error ? 0 : written);
      if (!error && end < bytes.length) {
        this.writeAll(bytes, end, lines);
        return;
      }
      if (error) this.lost += lines - newlines(bytes, offset);
      this.waitingBytes -= bytes.length;
      this.writeNext();
    });
  }
}

/** Whole lines before `end`. */
function newlines(bytes: Uint8Array, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0 && at < end; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}
