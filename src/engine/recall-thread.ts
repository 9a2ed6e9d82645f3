import { LIMITS, type Stage, systemClock } from "../base/mod.ts";
import { type CircuitAction, ControlCells, type NamedReport } from "../control/mod.ts";
import type { MemorySettings } from "../memory/mod.ts";
import { StoreReader, sqliteFault } from "../storage/mod.ts";
import type { AnswerMessage, OpenMessage, ReadBody } from "./protocol.ts";
import { applyRead } from "./reads.ts";
import { type Prepared, SemanticSide } from "./semantic.ts";
import { failure, LATE, late, noteDamage, post, runThread, type Waiting } from "./thread.ts";

/** How often snapshots are looked through for forgotten vectors. */
const SWEEP_MS = 5000;

/** The recall thread: every read, one after the other, each on a snapshot of its own. */
class RecallThread {
  private reader!: StoreReader;
  private semantic!: SemanticSide;
  private control!: ControlCells;
  private memory!: MemorySettings;

  open(options: OpenMessage["open"]): void {
    this.control = new ControlCells(options.control);
    this.memory = options.memory;
    this.reader = new StoreReader(options.dataDir, undefined, options.keyring);
    this.semantic = new SemanticSide(this.reader, {
      settings: options.embedder,
      model: options.model,
      budget: options.vectors,
      diskBudget: options.diskBudget,
      clock: systemClock,
      gate: this.control,
      log: (message) => post({ log: message }),
      onUnusable: (why) => post({ unusable: why }),
    });
    this.semantic.sweep(true);
    setInterval(() => this.semantic.sweep(false), SWEEP_MS);
  }

  take(request: Waiting): void {
    request.stages?.end("queue");
    const body: ReadBody = JSON.parse(request.body);
    const question = this.semantic.asksProvider ? questionOf(body) : "";
    if (question !== "") {
      // other reads go on while the provider thinks
      void this.semantic.prepare(question).then((prepared) => this.reply(request, body, prepared));
    } else {
      this.reply(request, body, undefined);
    }
  }

  circuits(): NamedReport[] {
    return this.semantic.circuits();
  }

  operate(_name: string, action: CircuitAction): void {
    this.semantic.operate(action);
  }

  press(stage: Stage): void {
    this.semantic.press(stage);
  }

  shed(): void {
    this.semantic.shed();
    this.reader.shed();
  }

  async close(): Promise<void> {
    await this.semantic.close();
    this.reader.close();
  }

  private reply(request: Waiting, body: ReadBody, prepared: Prepared | undefined): void {
    try {
      const answer = this.answer(request, body, prepared);
      post({ answers: [answer] }, typeof answer.bytes === "string" ? [] : [answer.bytes.buffer]);
    } catch (cause) {
      post({ answers: [failure(request.n, sqliteFault("read", cause))] });
    }
    noteDamage(this.reader.takeDamage());
  }

  private answer(request: Waiting, body: ReadBody, prepared: Prepared | undefined): AnswerMessage {
    const checkDeadline = (): void => {
      if (late(request)) throw LATE;
    };
    checkDeadline();
    this.control.require("reads");
    const mark = (stage: string): void => request.stages?.end(stage);
    const semantic = this.semantic.search(prepared, checkDeadline);
    const read = this.reader.snapshot(() =>
      applyRead(
        {
          reader: this.reader,
          vectors: this.semantic,
          semantic,
          memory: this.memory,
          now: systemClock.now(),
          checkDeadline,
          mark,
        },
        body,
      ),
    );
    const gzip = body.gzip && read.bytes.length >= LIMITS.gzipBytes;
    const bytes = gzip ? Bun.gzipSync(read.bytes) : read.bytes;
    mark("encode");
    const answer = {
      n: request.n,
      status: 200,
      bytes,
      gzip,
      ...(request.stages && { stages: request.stages.times }),
    };
    return read.next === undefined ? answer : { ...answer, next: read.next };
  }
}

/** What a read asks in words, "" for one that does not. */
function questionOf(body: ReadBody): string {
  if (body.op === "ask") return body.request.text;
  if (body.op !== "memory") return "";
  const { request } = body;
  if ("recall" in request) return request.recall.query;
  return "query" in request ? request.query : "";
}

runThread(new RecallThread());
