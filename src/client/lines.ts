import { createHash } from "node:crypto";
import { LineSplitter, OVERLONG_LINE } from "../atom/mod.ts";
import { decodeUtf8, encodeUtf8, Fault, idFromDigest, LIMITS } from "../base/mod.ts";

/** A line of a file, ready to be sent, or why it cannot be. `number` counts from 1 as an editor does. */
export type Line = { number: number; bytes: Uint8Array } | { number: number; fault: Fault };

/** Makes the line that is sent of one that was read (without its line end); throws Fault to refuse it. */
export type Prepare = (text: string) => string;

/**
 * Ids for lines that have none, so that the same file gives the same ids however often it is imported: the UUIDv8
 * of SHA-256 of the line and of how often this very line came before. 16 bytes of digest a line are kept.
 */
export class LineIds {
  private readonly seen = new Map<string, number>();

  next(line: string): string {
    const key = createHash("sha256").update(line).digest().subarray(0, 16).toString("latin1");
    const before = this.seen.get(key) ?? 0;
    this.seen.set(key, before + 1);
    return idFromDigest(createHash("sha256").update(line).update(`\n${before}`).digest());
  }
}

/**
 * Cuts a byte stream into chunks of at most `LIMITS.batchAtoms` lines and about `LIMITS.importChunkBytes`.
 * With `eager` every piece of input is passed on at once, for a pipe whose writer pauses.
 */
export async function* chunks(
  source: AsyncIterable<Uint8Array>,
  prepare: Prepare,
  options: { eager: boolean },
): AsyncGenerator<Line[]> {
  const splitter = new LineSplitter(LIMITS.ndjsonLineBytes, true);
  let number = 0;
  let chunk: Line[] = [];
  let size = 0;

  function* take(lines: Uint8Array[]): Generator<Line[]> {
    for (const bytes of lines) {
      const line = prepared(++number, bytes, prepare);
      if (line === undefined) continue;
      chunk.push(line);
      size += "bytes" in line ? line.bytes.length + 1 : 0;
      if (chunk.length >= LIMITS.batchAtoms || size >= LIMITS.importChunkBytes) yield* flush();
    }
  }
  function* flush(): Generator<Line[]> {
    if (chunk.length > 0) yield chunk;
    chunk = [];
    size = 0;
  }

  for await (const part of source) {
    yield* take(splitter.push(part));
    if (options.eager) yield* flush();
  }
  yield* take(splitter.end());
  yield* flush();
}

/** undefined for a blank line. */
function prepared(number: number, bytes: Uint8Array, prepare: Prepare): Line | undefined {
  try {
    if (bytes === OVERLONG_LINE) {
      throw new Fault("payload_too_large", `the line is longer than ${LIMITS.ndjsonLineBytes} bytes`);
    }
    const decoded = decodeUtf8(bytes);
    if (decoded === undefined) throw new Fault("invalid_input", "the line is not valid UTF-8");
    // some editors begin a file with a byte order mark, which is no part of its first line
    const text = number === 1 ? decoded.replace(/^\uFEFF/, "") : decoded;
    if (text.trim() === "") return undefined;
    const sent = encodeUtf8(prepare(text));
    if (sent.length > LIMITS.ndjsonLineBytes) {
      throw new Fault("payload_too_large", `the atom is longer than ${LIMITS.ndjsonLineBytes} bytes`);
    }
    return { number, bytes: sent };
  } catch (error) {
    if (error instanceof Fault) return { number, fault: error };
    throw error;
  }
}
