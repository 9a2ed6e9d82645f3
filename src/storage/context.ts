import type { Database } from "bun:sqlite";
import type { Clock } from "../base/mod.ts";
import type { DiskBudget } from "./disk-budget.ts";
import type { Identity } from "./meta.ts";
import type { Reserve } from "./reserve.ts";
import type { TextIndex } from "./text-index.ts";
import type { Threads } from "./threads.ts";
import type { VectorRows } from "./vector-rows.ts";
import type { WorldCache } from "./worlds.ts";

/** What the writer's operations share within a transaction. */
export interface WriteContext {
  db: Database;
  clock: Clock;
  identity: Identity;
  worlds: WorldCache;
  threads: Threads;
  text: TextIndex;
  vectors: VectorRows;
  /** Stops what grows while the disk is full. */
  reserve: Reserve;
  budget: DiskBudget;
  /** The highest sequence given so far; `nextSeq` gives the next. */
  head: number;
  /** The write-ahead log had a flipped bit when the connection was opened. */
  mended: boolean;
  /** Counted per commit, for status and metrics. */
  tally: Tally;
}

export interface Tally {
  atoms: number;
  quarantined: number;
  /** Removed by retention. */
  evictions: number;
  /** Removed for whatever reason. */
  removed: number;
}

export const noTally = (): Tally => ({ atoms: 0, quarantined: 0, evictions: 0, removed: 0 });

/**
 * @throws Fault disk_full while the ballast is given up, or when the transaction would break the disk budget: what
 * frees space goes on, what grows does not
 */
export function requireRoom(ctx: WriteContext): void {
  if (ctx.reserve.full) throw ctx.reserve.refusal();
  ctx.budget.check(ctx.db, ctx.tally.atoms > 0);
}

export function nextSeq(ctx: WriteContext): number {
  ctx.head += 1;
  return ctx.head;
}
