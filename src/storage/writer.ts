import { statSync } from "node:fs";
import { type Clock, Fault, KB, type Layout, LIMITS, layout, syncFile, systemClock } from "../base/mod.ts";
import { Checkpoints } from "./checkpoints.ts";
import { noTally, type Tally, type WriteContext } from "./context.ts";
import { expireCopy, logDamage } from "./copies.ts";
import { DiskBudget } from "./disk-budget.ts";
import { isCorrupt, isDiskFull, isIoError, isReadOnly, sqliteFault } from "./faults.ts";
import { expireAnswers } from "./idem.ts";
import { trustScores } from "./links.ts";
import { type DirectoryLock, lockDirectory } from "./open.ts";
import { countAtoms, openContext, totalChanges } from "./open-context.ts";
import { anyPolicies } from "./policies.ts";
import { owePurge, owesPurge, Purge } from "./purge.ts";
import { Reserve } from "./reserve.ts";
import { AgeGuard, retentionSlice } from "./retention.ts";
import { DAMAGED as TEXT_DAMAGED } from "./text-index.ts";
import { type Unembedded, DAMAGED as VECTORS_DAMAGED } from "./vector-rows.ts";
import { WearLog } from "./wear.ts";
import type { Job, Outcome, WriterOptions, WriterStatus } from "./writer-types.ts";

/**
 * The one write connection of a data directory, for the writer thread. `commit` runs a group of jobs in one
 * transaction with one fsync; `maintain` does the background work between groups.
 */
export class StoreWriter {
  private readonly place: Layout;
  private readonly clock: Clock;
  private readonly lock: DirectoryLock;
  private readonly guard: AgeGuard;
  private readonly purge: Purge;
  private readonly checkpoints: Checkpoints;
  private readonly budget: DiskBudget;
  private readonly wear: WearLog;
  private readonly reserve: Reserve;
  private ctx: WriteContext;
  private totals: Tally;
  private commits = 0;
  private fsyncs = 0;
  private fsyncing = true;
  /** When the oldest commit that no fsync covers was made; 0 = none. */
  private unsyncedSince = 0;
  private retentionDue = 0;
  /** The ballast is made at the first chance, and again in quiet moments. */
  private maintained = false;
  /** The connection was given up after a device failure and could not be opened again yet. */
  private lost = false;
  /** The text index is damaged: until a restart nothing is folded into it. */
  private textDamaged = false;
  /** The device failed, or is read-only, and no transaction has gone well since. */
  private troubled = false;
  /** A commit failed since the last one that went well. */
  private failed = false;

  /** @throws Fault see `openForWrite` and `lockDirectory` */
  constructor(
    dataDir: string,
    private readonly options: WriterOptions = {},
  ) {
    this.place = layout(dataDir);
    this.clock = options.clock ?? systemClock;
    this.wear = new WearLog(this.clock);
    this.budget = new DiskBudget(this.place, options.diskBudget, this.clock);
    this.reserve = new Reserve(this.place, this.budget);
    this.guard = new AgeGuard(this.clock);
    this.lock = lockDirectory(this.place);
    try {
      this.ctx = this.openInRoom();
    } catch (cause) {
      this.lock.abandon();
      throw cause;
    }
    this.totals = countAtoms(this.ctx.db);
    const last = this.ctx.db
      .query<{ recorded_ms: number }, []>("SELECT recorded_ms FROM atom ORDER BY seq DESC LIMIT 1")
      .get();
    if (last) this.guard.resume(last.recorded_ms);
    this.purge = new Purge(this.place, this.clock);
    this.checkpoints = new Checkpoints(this.place, this.purge);
    if (owesPurge(this.ctx.db)) this.purge.request();
  }

  /** The disk is full: nothing may grow. */
  get full(): boolean {
    return this.reserve.full;
  }

  /** Nothing can be written for all that is known: the device failed last, or is read-only. */
  get failing(): boolean {
    return this.lost || this.troubled;
  }

  /** Opens the store anew if it was lost. @throws Fault why it cannot be opened */
  reopen(): void {
    if (this.troubled && !this.lost) this.giveUpConnection();
    this.reopenIfLost();
    this.troubled = false;
  }

  /** What this writer found damaged and goes on beside, a sentence each. */
  get damage(): string[] {
    return [
      ...logDamage(this.place, this.ctx.mended),
      ...(this.textDamaged ? [TEXT_DAMAGED] : []),
      ...(!this.lost && this.ctx.vectors.damaged ? [VECTORS_DAMAGED] : []),
    ];
  }

  get head(): number {
    return this.ctx.head;
  }

  /**
   * Runs the jobs in order in one transaction and makes it durable. With `relaxed` the fsync comes later, within the
   * relaxed window. When one job breaks, or throws a Fault after it has changed something, the group is rolled back
   * and each job run alone, so that it takes none with it.
   * @returns an outcome per job; a failed disk fails all, and nothing of the group is then acknowledged
   */
  commit<T>(jobs: readonly Job<T>[], relaxed = false): Outcome<T>[] {
    try {
      this.reopenIfLost();
    } catch (fault) {
      return jobs.map(() => ({ fault }));
    }
    try {
      this.watchDisk();
      return this.attemptInRoom(jobs, relaxed);
    } catch (cause) {
      const device = isIoError(cause);
      // after damage too: what it keeps in memory may not fit what was rolled back
      if (device || isCorrupt(cause)) this.giveUpConnection();
      if (device || isReadOnly(cause)) this.troubled = true;
      if (jobs.length > 1 && !device && !(isDiskFull(cause) && this.reserve.full))
        return jobs.flatMap((job) => this.commit([job], relaxed));
      const fault = sqliteFault("remember", cause);
      return jobs.map(() => ({ fault }));
    }
  }

  /** What one job made, in a transaction of its own. @throws Fault why it made nothing */
  commitOne<T>(job: Job<T>, relaxed = false): T {
    const outcome = this.commit([job], relaxed)[0]!;
    if ("fault" in outcome) throw outcome.fault;
    return outcome.value;
  }

  /** The ballast goes when the use of the disk becomes critical, and comes back when it has left that again. */
  private watchDisk(): void {
    const stage = this.budget.look(this.ctx.db);
    if (this.budget.short && this.checkpoints.walBytes() > SMALL_WAL_BYTES) this.foldWal();
    if (stage === "critical" && !this.reserve.full) {
      this.reserve.release();
      this.retainSoon();
    } else if (this.reserve.full) this.reserve.restore();
  }

  /** Folds the WAL and cuts it, for the space; a reader in the way only delays it. */
  private foldWal(): void {
    this.fsyncs += this.checkpoints.run(this.ctx.db, "TRUNCATE");
    this.budget.forget();
    this.budget.look(this.ctx.db);
  }

  /** A disk that is full in the middle gives the ballast up, and the group runs again: what frees space goes through. */
  private attemptInRoom<T>(jobs: readonly Job<T>[], relaxed: boolean): Outcome<T>[] {
    try {
      return this.attempt(jobs, relaxed);
    } catch (cause) {
      if (isCorrupt(cause) && this.ctx.text.folding) this.stopFolding();
      else if (!isDiskFull(cause)) throw cause;
      // a Fault is the budget's: the disk itself has room, and a smaller WAL may be all that is missing
      else if (cause instanceof Fault) this.foldWal();
      else if (!this.reserve.release()) throw cause;
      return this.attempt(jobs, relaxed);
    }
  }

  /** FTS5 met a page that is not in order: what is new waits in the tail, where it is found all the same. */
  private stopFolding(): void {
    this.textDamaged = true;
    this.giveUpConnection();
    this.reopenIfLost();
  }

  private attempt<T>(jobs: readonly Job<T>[], relaxed: boolean): Outcome<T>[] {
    const { db, worlds } = this.ctx;
    this.setSynchronous(!relaxed);
    const tally = noTally();
    this.ctx.tally = tally;
    const head = this.ctx.head;
    const before = totalChanges(db);
    try {
      db.run("BEGIN IMMEDIATE");
      const outcomes = jobs.map((job) => this.run(job));
      worlds.flush();
      if (this.textDamaged) this.ctx.text.keep();
      else this.ctx.text.fold(this.ctx.head);
      if (tally.atoms > 0) this.budget.check(db, true);
      if (tally.removed > 0 && this.purge.idle) owePurge(db, true);
      db.run("COMMIT");
      this.troubled = false;
      if (totalChanges(db) !== before) this.committed(tally, relaxed);
      // SQLite does no fsync for an empty commit, but the answer may speak of what a relaxed one wrote
      else if (!relaxed) this.sync();
      return outcomes;
    } catch (cause) {
      this.ctx.head = head;
      worlds.reset();
      this.ctx.threads.reset();
      if (db.inTransaction) db.run("ROLLBACK");
      this.failed = true;
      if (!isIoError(cause) && !isCorrupt(cause)) this.ctx.text.reset();
      throw cause;
    }
  }

  /** A refusal that changed nothing is the job's own; after a change only a rollback undoes it. */
  private run<T>(job: Job<T>): Outcome<T> {
    const { db, head } = this.ctx;
    const before = totalChanges(db);
    try {
      return { value: job(this.ctx) };
    } catch (fault) {
      if (!(fault instanceof Fault) || totalChanges(db) !== before) throw fault;
      this.ctx.head = head;
      return { fault };
    }
  }

  private committed(tally: Tally, relaxed: boolean): void {
    this.ctx.worlds.settled();
    this.commits += 1;
    this.checkpoints.dirty = true;
    if (this.failed) this.dropLeftovers();
    if (relaxed) {
      if (this.unsyncedSince === 0) this.unsyncedSince = this.clock.monotonic();
    } else {
      this.fsyncs += 1;
      this.unsyncedSince = 0;
    }
    this.totals.atoms += tally.atoms - tally.removed;
    this.totals.quarantined += tally.quarantined;
    this.totals.evictions += tally.evictions;
    if (tally.removed > 0) this.purge.request();
  }

  /** The first commit after a failed one empties the WAL; when a reader or the disk is in the way, `maintain` does. */
  private dropLeftovers(): void {
    this.failed = false;
    this.checkpoints.leftovers = true;
    try {
      this.fsyncs += this.checkpoints.run(this.ctx.db, "TRUNCATE");
    } catch (cause) {
      if (isIoError(cause)) this.troubled = true;
    }
  }

  private setSynchronous(full: boolean): void {
    if (full === this.fsyncing) return;
    this.ctx.db.run(`PRAGMA synchronous=${full ? "FULL" : "NORMAL"}`);
    this.fsyncing = full;
  }

  /**
   * Background work between groups; each call is short.
   * @param idle nothing is waiting to be written
   * @param resting what can be put off is: the policies of retention
   * @returns ms until it wants to be called again
   */
  maintain(idle: boolean, resting = false): number {
    this.reopenIfLost();
    try {
      this.syncRelaxed();
      if (this.retentionDue <= this.clock.monotonic()) this.retain(resting);
      this.fsyncs += this.checkpoints.ifDue(this.ctx.db, idle);
      if (this.wear.due) this.commitOne((ctx) => this.wear.note(ctx.db, this.fsyncs));
      const wait = this.purge.step(this.ctx.db);
      if (this.purge.idle && (idle || this.budget.short || this.reserve.full))
        this.checkpoints.giveBack(this.ctx.db, this.budget.short || this.reserve.full);
      this.watchDisk();
      if (idle || !this.maintained) this.reserve.restore();
      this.maintained = true;
      const due = Math.max(0, this.retentionDue - this.clock.monotonic());
      return Math.min(wait, this.relaxedWait(), due, this.checkpoints.leftovers ? LEFTOVERS_MS : due);
    } catch (cause) {
      if (isIoError(cause)) this.giveUpConnection();
      throw sqliteFault("maintenance", cause);
    }
  }

  private relaxedWait(): number {
    if (this.unsyncedSince === 0) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.unsyncedSince + this.window() - this.clock.monotonic());
  }

  /** Half of the promised window, so that a late timer does not break the promise. */
  private window(): number {
    return (this.options.relaxedWindowMs ?? 1000) / 2;
  }

  private syncRelaxed(): void {
    if (this.relaxedWait() === 0) this.sync();
  }

  /** Makes relaxed commits durable, if there are any that are not. */
  private sync(): void {
    if (this.unsyncedSince === 0) return;
    syncFile(this.place.wal);
    this.fsyncs += 1;
    this.unsyncedSince = 0;
  }

  private retain(resting: boolean): void {
    const { db } = this.ctx;
    const due = anyPolicies(db) || db.query("SELECT 1 FROM world WHERE state = 2 LIMIT 1").get() !== null;
    // set first, so that trouble here does not keep the purge from its turn
    this.retentionDue =
      this.clock.monotonic() + (this.reserve.full ? LIMITS.retentionFullMs : LIMITS.retentionEveryMs);
    if (this.guard.mayJudge()) expireCopy(this.place, db, this.clock);
    const expired = this.commitOne(expireAnswers);
    const slice = due ? this.commitOne((ctx) => retentionSlice(ctx, this.guard, resting)) : { gone: 0 };
    if (slice.gone > 0 || expired >= 1000) this.retentionDue = this.clock.monotonic() + 10;
    else if (slice.trouble) throw slice.trouble;
  }

  /** Atoms that wait for vectors, at most `limit`; their vectors come back through `WriteContext.vectors.fill`. */
  nextUnembedded(limit: number): Unembedded | undefined {
    return this.ctx.vectors.next(limit);
  }

  /** When the oldest atom without a vector was recorded, ms since the epoch; undefined when all have one. */
  oldestUnembedded(): number | undefined {
    const seq = this.ctx.vectors.next(1)?.atoms[0]?.seq;
    if (seq === undefined) return undefined;
    return this.ctx.db
      .query<{ t: number }, [number]>("SELECT recorded_ms AS t FROM atom WHERE seq = ?")
      .get(seq)?.t;
  }

  /** Called when a policy or a world changed: the pass runs at once. */
  retainSoon(): void {
    this.retentionDue = 0;
  }

  /** Gives memory of the page cache back. */
  shed(): void {
    if (!this.lost) this.ctx.db.run("PRAGMA shrink_memory");
  }

  /** @throws Fault storage_error while the store cannot be opened */
  status(): WriterStatus {
    this.reopenIfLost();
    return {
      head: this.ctx.head,
      nodeId: this.ctx.identity.nodeId,
      atoms: this.totals.atoms,
      quarantined: this.totals.quarantined,
      evictions: this.totals.evictions,
      commits: this.commits,
      fsyncs: this.fsyncs,
      databaseBytes: statSync(this.place.database).size,
      walBytes: this.checkpoints.walBytes(),
      full: this.reserve.full,
      disk: this.budget.use,
      wear: this.wear.now(this.ctx.db, this.fsyncs),
      trust: trustScores(this.ctx.db, LIMITS.trustSeries),
    };
  }

  /** Folds the WAL into the database and frees the directory. */
  close(): void {
    try {
      if (this.lost) return;
      // a store that was only looked at stays as it is
      if (this.commits > 0) this.commit([(ctx) => this.wear.note(ctx.db, this.fsyncs)]);
      this.ctx.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } finally {
      this.ctx.db.close();
      this.lock.release();
    }
  }

  /** After a device failure the connection is not trusted any more; the next use opens another. */
  private giveUpConnection(): void {
    this.ctx.db.close();
    this.lost = true;
  }

  /** @throws Fault while the store cannot be opened */
  private reopenIfLost(): void {
    if (!this.lost) return;
    this.ctx = this.open();
    this.lost = false;
    this.fsyncing = true;
    this.totals = { ...countAtoms(this.ctx.db), evictions: this.totals.evictions };
  }

  /** Opening needs space too; the ballast has it. */
  private openInRoom(): WriteContext {
    try {
      return this.open();
    } catch (cause) {
      // without space for its shared memory SQLite reports an I/O error
      const room = isDiskFull(cause) || (cause instanceof Fault && isIoError(cause.cause));
      if (!room || !this.reserve.release()) throw cause;
      return this.open();
    }
  }

  private open(): WriteContext {
    const { place, clock, reserve, budget } = this;
    return openContext({ place, clock, reserve, budget }, this.options);
  }
}

/** With little room left, a WAL over this is folded before more is written. */
const SMALL_WAL_BYTES = 256 * KB;

/** How soon a WAL that could not be emptied is tried again. */
const LEFTOVERS_MS = 50;
