import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { errnoOf, fileFault } from "../base/mod.ts";

/** All that a command touches of the process it runs in; tests put their own in its place. */
export interface Io {
  env: Record<string, string | undefined>;
  cwd: string;
  tty: { in: boolean; out: boolean; err: boolean };
  /** Width of the terminal. */
  columns: number;
  stdin: AsyncIterable<Uint8Array>;
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** Wall clock, ms since the epoch. */
  now(): number;
  /** Calls back at the first SIGINT or SIGTERM; the answer takes the handler off again. */
  onStop(handler: () => void): () => void;
}

/** Nobody reads our output any more (`dwbase export home | head`): the command ends, and that is no error. */
export class OutputClosed extends Error {}

/** Width of a terminal that does not tell its own. */
const COLUMNS = 80;

/** Pause before another try when the reader of our output is slower than we are. */
const FULL_PIPE_MS = 2;

export function processIo(): Io {
  return {
    env: process.env,
    cwd: process.cwd(),
    tty: { in: isatty(0), out: isatty(1), err: isatty(2) },
    // a serial console says 0
    columns: (isatty(1) && process.stdout.columns) || COLUMNS,
    stdin: readStdin(),
    out: (text) => writeAll(1, text),
    err: (text) => {
      try {
        writeAll(2, text);
      } catch {
        // There is nowhere left to say it.
      }
    },
    now: () => Date.now(),
    onStop(handler) {
      process.once("SIGINT", handler).once("SIGTERM", handler);
      return () => process.off("SIGINT", handler).off("SIGTERM", handler);
    },
  };
}

async function* readStdin(): AsyncGenerator<Uint8Array> {
  yield* Bun.stdin.stream();
}

/** Synchronous, so that a slow reader slows us down and nothing is buffered when the process exits. */
function writeAll(fd: number, text: string | Uint8Array): void {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EPIPE") throw new OutputClosed();
      if (errno !== "EAGAIN") throw fileFault("write to", fd === 1 ? "stdout" : "stderr", error);
      Bun.sleepSync(FULL_PIPE_MS);
    }
  }
}
