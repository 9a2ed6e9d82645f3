import { checkNewAtom, decodeJson, LineSplitter, OVERLONG_LINE } from "../atom/mod.ts";
import type { Caller } from "../auth/mod.ts";
import { clockIsSane, type ErrorCode, encodeUtf8, LIMITS, toWire, type WireFault } from "../base/mod.ts";
import type { BatchItem, Engine } from "../engine/mod.ts";
import { refused } from "./batch.ts";
import { tooLarge } from "./body.ts";
import type { Exchange } from "./exchange.ts";
import { NDJSON_TYPE } from "./negotiate.ts";
import { publicFault } from "./refusal.ts";
import type { Call } from "./route.ts";

/** Bytes cut into lines at a time, so that a chunk of short lines does not become a mountain of objects. */
const SLICE_BYTES = 16 * 1024;

/** Why later lines of a stream would fare no better: it ends with a last line that says so. */
const ENDS_STREAM: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["disk_full", "read_only", "maintenance"]);

/** Longest sleep while a bucket is empty, so that a stream whose client left ends soon. */
const PAUSE_MS = 1000;

/**
 * Remembers the lines of a request's body and streams an answer line for each. The answer is pulled: a client that
 * does not read it stops the reading of its lines after LIMITS.ndjsonAnswerBytes, so what is held in memory does not
 * depend on the length of the stream.
 * @throws Fault overloaded when LIMITS.ndjsonStreams are in flight.
 */
export function answerLines(call: Call<undefined>, relaxed: boolean): Response {
  const { exchange } = call;
  exchange.hold(exchange.shared.admission.stream());
  const lines = new LineImport(call, relaxed);
  const stream = new ReadableStream<Uint8Array>(
    { pull: (out) => lines.pull(out), cancel: () => lines.abandon() },
    new ByteLengthQueuingStrategy({ highWaterMark: LIMITS.ndjsonAnswerBytes }),
  );
  return new Response(stream, { headers: exchange.headers(NDJSON_TYPE) });
}

type LineReader = ReadableStreamDefaultReader<Uint8Array>;
type Chunk = Awaited<ReturnType<LineReader["read"]>>;

class LineImport {
  private readonly exchange: Exchange;
  private readonly engine: Engine;
  private readonly caller: Caller;
  private readonly relaxed: boolean;
  private readonly reader: LineReader | undefined;
  private readonly splitter = new LineSplitter();
  private readonly onStop = () => this.stopReading();

  /** A read under way; it outlives the wait for it. */
  private reading: Promise<Chunk> | undefined;
  /** What is left of the last chunk, then the lines cut from it, then the checked items to commit. */
  private chunk: Uint8Array = new Uint8Array(0);
  private lines: Uint8Array[] = [];
  private nextLine = 0;
  private items: BatchItem[] = [];
  private itemBytes = 0;
  private itemsSince = 0;

  /** The request paid for its first line when it came in. */
  private paid = true;
  /** Index of the first of `items`. */
  private first = 0;
  private received = 0;
  private sent = 0;
  /** No more lines will come. */
  private exhausted = false;
  /** Why no more lines are taken, when it is not the end of the stream. */
  private cutBy: WireFault | undefined;
  /** All is answered. */
  private finished = false;
  private closed = false;

  constructor(call: Call<undefined>, relaxed: boolean) {
    this.exchange = call.exchange;
    this.engine = call.engine;
    this.caller = call.caller;
    this.relaxed = relaxed;
    this.reader = call.exchange.request.body?.getReader() as LineReader | undefined;
    call.exchange.shared.stopping.addEventListener("abort", this.onStop);
  }

  /** Makes the next answer lines. */
  async pull(out: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      while (!this.closed) {
        const answer = await this.step();
        if (this.closed) return;
        if (answer !== undefined) {
          this.sent += answer.length;
          out.enqueue(answer);
        }
        if (this.finished) {
          this.close();
          return out.close();
        }
        if (answer !== undefined) return;
      }
    } catch (error) {
      if (this.closed) return;
      const { code, message } = publicFault(this.exchange, error);
      out.enqueue(lineOf({ code, error: message }));
      this.close();
      out.close();
    }
  }

  /** The client is gone: nothing more is read or remembered. */
  abandon(): void {
    this.close();
  }

  /** One step of work, and the answer lines when it made some. */
  private async step(): Promise<Uint8Array | undefined> {
    if (this.items.length >= LIMITS.batchAtoms || this.itemBytes >= LIMITS.bodyBytes) return this.commit();
    const line = this.lines[this.nextLine];
    if (line !== undefined) return this.take(line);
    if (this.chunk.length > 0) {
      this.cut(this.splitter.push(this.chunk.subarray(0, SLICE_BYTES)));
      this.chunk = this.chunk.subarray(SLICE_BYTES);
      return undefined;
    }
    if (!this.exhausted) return this.read();
    return this.items.length > 0 ? this.commit() : this.end();
  }

  /** Checks a line that is paid for, or waits for the bucket to fill. */
  private async take(line: Uint8Array): Promise<Uint8Array | undefined> {
    if (!this.paid) {
      const { limiter } = this.exchange.shared;
      const wait = limiter.waitMs("remember", this.caller);
      if (wait > 0) {
        if (this.items.length > 0) return this.commit();
        await Bun.sleep(Math.min(wait, PAUSE_MS));
        return undefined;
      }
      limiter.takeFirst("remember", this.caller);
    }
    this.paid = false;
    this.nextLine++;
    const { clock } = this.exchange.shared;
    if (this.items.length === 0) this.itemsSince = clock.monotonic();
    this.items.push(this.check(line));
    this.itemBytes += line.length;
    return undefined;
  }

  private check(line: Uint8Array): BatchItem {
    if (line === OVERLONG_LINE) {
      const error = `the line is longer than ${LIMITS.ndjsonLineBytes} bytes; send a shorter one`;
      return { code: "payload_too_large", error };
    }
    const { clock } = this.exchange.shared;
    try {
      return checkNewAtom(decodeJson(line, "the line"), { now: clock.now(), clockSane: clockIsSane(clock) });
    } catch (error) {
      return refused(error);
    }
  }

  /** Reads on; when the client is slower than the linger of waiting items, these are committed meanwhile. */
  private async read(): Promise<Uint8Array | undefined> {
    if (!this.reader) {
      this.exhausted = true;
      return undefined;
    }
    this.reading ??= this.reader.read();
    let chunk: Chunk | undefined;
    try {
      chunk = await this.awaitChunk(this.reading);
    } catch {
      // The client left in the middle of its own stream.
      this.finished = true;
      return undefined;
    }
    if (chunk === undefined) return this.commit();
    this.reading = undefined;
    if (chunk.done) {
      this.exhausted = true;
      // A line cut off by the node's stopping is not the client's line.
      if (!this.cutBy) this.cut(this.splitter.end());
      return undefined;
    }
    this.received += chunk.value.length;
    if (this.received > LIMITS.ndjsonBytes) this.cutShort(toWire(tooLarge(LIMITS.ndjsonBytes)));
    else this.chunk = chunk.value;
    return undefined;
  }

  /** The chunk, or undefined when items have waited long enough for it. */
  private async awaitChunk(reading: Promise<Chunk>): Promise<Chunk | undefined> {
    if (this.items.length === 0) return reading;
    const waited = this.exchange.shared.clock.monotonic() - this.itemsSince;
    let timer: Timer | undefined;
    const linger = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, Math.max(0, LIMITS.ndjsonLingerMs - waited));
    });
    try {
      return await Promise.race([reading, linger]);
    } finally {
      clearTimeout(timer);
    }
  }

  private cut(lines: Uint8Array[]): void {
    this.lines = lines;
    this.nextLine = 0;
  }

  /** Commits the waiting items. */
  private async commit(): Promise<Uint8Array | undefined> {
    const { items, first } = this;
    this.items = [];
    this.itemBytes = 0;
    this.first += items.length;
    try {
      return (await this.engine.rememberLines(this.caller, items, first, this.relaxed)).bytes;
    } catch (error) {
      const fault = publicFault(this.exchange, error);
      if (!ENDS_STREAM.has(fault.code)) {
        return linesOf(items.map((_, i) => ({ index: first + i, code: fault.code, error: fault.message })));
      }
      this.cutShort(fault);
      return this.end();
    }
  }

  /** What was read is still answered; nothing more is. */
  private cutShort(fault: WireFault): void {
    this.cutBy = fault;
    this.exhausted = true;
    this.lines = [];
    this.chunk = new Uint8Array(0);
  }

  /** The end, with a last line when the stream was cut short. */
  private end(): Uint8Array | undefined {
    this.finished = true;
    return this.cutBy && lineOf({ code: this.cutBy.code, error: this.cutBy.message });
  }

  /** The server stops: what was read is committed, then the stream ends. */
  private stopReading(): void {
    this.cutBy ??= { code: "overloaded", message: "the node is stopping; send the rest again later" };
    this.cancelReader();
  }

  private close(): void {
    if (this.closed) return;
    this.closed = true;
    this.exchange.shared.stopping.removeEventListener("abort", this.onStop);
    this.cancelReader();
    this.exchange.close(200, this.sent, true);
  }

  private cancelReader(): void {
    // Rejects when the client is gone already, which is fine.
    this.reader?.cancel().catch(() => {});
  }
}

function lineOf(value: object): Uint8Array {
  return encodeUtf8(`${JSON.stringify(value)}\n`);
}

function linesOf(values: readonly object[]): Uint8Array {
  return encodeUtf8(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
}
