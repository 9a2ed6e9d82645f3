import { statfsSync } from "node:fs";
import { systemClock, toWire } from "../base/mod.ts";
import { type CircuitAction, ControlCells, DATABASE, type NamedReport } from "../control/mod.ts";
import { createEmbedder, HttpEmbedder, StaticEmbedder } from "../embedder/mod.ts";
import type { MemorySettings } from "../memory/mod.ts";
import { type Job, StoreWriter, type VectorMaker } from "../storage/mod.ts";
import { Backfill } from "./backfill.ts";
import { Consolidation } from "./consolidation.ts";
import type { AnswerMessage, FaultMessage, OpenMessage, WriteBody } from "./protocol.ts";
import { failure, LATE, late, noteDamage, post, runThread, type Waiting } from "./thread.ts";
import { applyOwnWrite, applyWrite, isOwn, type Written } from "./writes.ts";

/** Bodies that one transaction takes before it commits, so that no client waits long for others' work. */
const GROUP_BYTES = 4 * 1024 * 1024;
/**
 * When at least this many requests shared the last commit, the next waits until as many are there, at most so long
 * (PostgreSQL's commit_siblings and commit_delay): the clients that were just answered send again, and one fsync then
 * serves them all instead of one for the first and one for the rest.
 */
const SIBLINGS = 4;
const GATHER_MS = 1;
const STATUS_MS = 1000;
const FULL = "the disk is full: free some space or forget memories";
/** After this long without a write the node counts as idle and folds its WAL. */
const IDLE_MS = 2000;

/** The breaker before the embedding provider. */
const EMBEDDING = "embedding";

/** The writer: collects what arrives, commits it together, and uses the pauses for maintenance. */
class WriterThread {
  /** Undefined when the directory could not be opened. */
  private writer: StoreWriter | undefined;
  private backfill: Backfill | undefined;
  private consolidation: Consolidation | undefined;
  private provider: HttpEmbedder | undefined;
  private control = new ControlCells();
  private rested = false;
  private memory!: MemorySettings;
  private dataDir = "";
  private queue: Waiting[] = [];
  private scheduled = false;
  /** Requests that shared the last commit: as many are likely to come again at once. */
  private expected = 0;
  private gathering: Timer | undefined;
  private timer: Timer | undefined;
  private lastWrite = 0;
  private trouble = "";

  open(options: OpenMessage["open"]): void {
    this.dataDir = options.dataDir;
    this.memory = options.memory;
    this.control = new ControlCells(options.control);
    const embedder = createEmbedder(options.embedder, options.model, systemClock);
    this.provider = embedder instanceof HttpEmbedder ? embedder : undefined;
    const vectors: VectorMaker | undefined =
      embedder instanceof StaticEmbedder
        ? { space: embedder.space, embed: (text) => embedder.embedInt8(text) }
        : embedder && { space: embedder.space };
    const { relaxedWindowMs, diskBudget, keyring } = options;
    const how = { relaxedWindowMs, diskBudget, keyring };
    this.writer = new StoreWriter(options.dataDir, vectors ? { ...how, vectors } : how);
    this.backfill = embedder && new Backfill(this.writer, embedder, this.control);
    this.consolidation = new Consolidation(this.writer, this.memory, this.control);
    this.backfill?.kick();
    this.report();
    setInterval(() => this.report(), STATUS_MS);
    this.later(0);
  }

  take(request: Waiting): void {
    this.queue.push(request);
    const whole = this.queue.length >= this.expected;
    if (this.gathering && whole) this.commitSoon();
    if (this.scheduled) return;
    this.scheduled = true;
    if (whole || this.expected < SIBLINGS) this.commitSoon();
    else this.gathering = setTimeout(() => this.commitSoon(), GATHER_MS);
  }

  /** Everything that has arrived by then joins the group. */
  private commitSoon(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    setImmediate(() => this.commit());
  }

  circuits(): NamedReport[] {
    const failing = this.writer?.failing ?? false;
    const database: NamedReport = {
      name: DATABASE,
      state: failing ? "open" : "closed",
      failures: failing ? 1 : 0,
      successes: 0,
    };
    return this.provider ? [database, { name: EMBEDDING, ...this.provider.circuit.report() }] : [database];
  }

  operate(name: string, action: CircuitAction): void {
    if (name === EMBEDDING) this.provider?.operate(action);
    else if (name === DATABASE) this.reopen();
    this.backfill?.kick();
  }

  private reopen(): void {
    try {
      this.writer!.reopen();
      this.trouble = "";
    } catch (cause) {
      this.trouble = toWire(cause).message;
    }
  }

  shed(): void {
    this.writer?.shed();
  }

  close(): void {
    clearTimeout(this.timer);
    this.backfill?.stop();
    while (this.queue.length > 0) this.commit();
    this.writer?.close();
  }

  private commit(): void {
    const group = this.nextGroup();
    this.expected = group.length;
    const answers: (AnswerMessage | FaultMessage)[] = [];
    const live: Waiting[] = [];
    for (const request of group) {
      if (late(request)) answers.push(failure(request.n, LATE));
      else live.push(request);
      request.stages?.end("queue");
    }
    const jobs = live.map(({ body }): Job<Written> => {
      const parsed: WriteBody = JSON.parse(body);
      if (parsed.op === "policy" || parsed.op === "world") this.writer!.retainSoon();
      if (isOwn(parsed)) return (ctx) => applyOwnWrite(ctx, parsed);
      return (ctx) => {
        // in the transaction, so that what waited in the queue, or behind others of its group, is stopped too
        this.control.require("writes");
        return applyWrite(ctx, parsed, this.memory, this.control);
      };
    });
    if (jobs.length > 0) {
      const relaxed = live.every((request) => request.relaxed);
      this.writer!.commit(jobs, relaxed).forEach((outcome, at) => {
        const { n, stages } = live[at]!;
        stages?.end("commit");
        const answer = "value" in outcome ? { n, gzip: false, ...outcome.value } : failure(n, outcome.fault);
        answers.push(stages ? { ...answer, stages: stages.times } : answer);
      });
      this.lastWrite = performance.now();
      this.backfill?.kick();
    }
    post({ answers });
    this.scheduled = this.queue.length > 0;
    if (this.scheduled) this.commitSoon();
    this.later(0);
  }

  private nextGroup(): Waiting[] {
    let bytes = 0;
    let take = 0;
    while (take < this.queue.length && bytes < GROUP_BYTES) bytes += this.queue[take++]!.body.length;
    return this.queue.splice(0, take);
  }

  private later(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.maintain(), Math.min(ms, IDLE_MS));
  }

  private maintain(): void {
    const idle = this.queue.length === 0 && performance.now() - this.lastWrite >= IDLE_MS;
    let wait = STATUS_MS;
    const { resting } = this.control;
    if (this.rested && !resting) {
      this.backfill?.kick();
      this.writer!.retainSoon();
    }
    this.rested = resting;
    try {
      wait = this.writer!.maintain(idle, resting);
      this.trouble = "";
      if (idle) wait = Math.min(wait, this.consolidation!.step());
    } catch (cause) {
      this.trouble = toWire(cause).message;
    }
    this.later(wait);
  }

  private indexLag(): number {
    const since = this.backfill?.behind ? this.writer!.oldestUnembedded() : undefined;
    return since === undefined ? 0 : Math.max(0, systemClock.now() - since);
  }

  private report(): void {
    try {
      noteDamage(this.writer!.damage);
      const disk = statfsSync(this.dataDir);
      post({
        status: {
          ...this.writer!.status(),
          diskTotal: disk.blocks * disk.bsize,
          diskFree: disk.bavail * disk.bsize,
          queued: this.queue.length,
          indexLagMs: this.indexLag(),
          trouble: (this.writer!.full ? FULL : this.trouble) || (this.backfill?.trouble ?? ""),
        },
      });
    } catch (cause) {
      this.trouble = toWire(cause).message;
    }
  }
}

runThread(new WriterThread());
