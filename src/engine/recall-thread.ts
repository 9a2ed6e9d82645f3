import { StoreReader, sqliteFault } from "../storage/mod.ts";
import type { AnswerMessage, OpenMessage, ReadBody } from "./protocol.ts";
import { applyRead } from "./reads.ts";
import { failure, LATE, late, post, runThread, type Waiting } from "./thread.ts";

/** Answers below this many bytes are not worth compressing. */
const GZIP_FROM = 1024;

/** The recall thread: every read, one after the other, each on a snapshot of its own. */
class RecallThread {
  private reader!: StoreReader;

  open(options: OpenMessage["open"]): void {
    this.reader = new StoreReader(options.dataDir);
  }

  take(request: Waiting): void {
    try {
      const answer = this.answer(request);
      post({ answers: [answer] }, typeof answer.bytes === "string" ? [] : [answer.bytes.buffer]);
    } catch (cause) {
      post({ answers: [failure(request.n, sqliteFault("read", cause))] });
    }
  }

  close(): void {
    this.reader.close();
  }

  private answer(request: Waiting): AnswerMessage {
    const checkDeadline = (): void => {
      if (late(request)) throw LATE;
    };
    checkDeadline();
    const body: ReadBody = JSON.parse(request.body);
    const read = this.reader.snapshot(() => applyRead(this.reader, body, Date.now(), checkDeadline));
    const gzip = body.gzip && read.bytes.length >= GZIP_FROM;
    const bytes = gzip ? Bun.gzipSync(read.bytes) : read.bytes;
    const answer = { n: request.n, status: 200, bytes, gzip };
    return read.next === undefined ? answer : { ...answer, next: read.next };
  }
}

runThread(new RecallThread());
