import type { Clock } from "../base/mod.ts";
import type { WriteContext } from "./context.ts";
import type { DiskUse } from "./disk-budget.ts";
import type { Keyring } from "./keyring.ts";
import type { Migration } from "./schema.ts";
import type { VectorMaker } from "./vector-rows.ts";
import type { Wear } from "./wear.ts";

/** One request's part of a transaction. It throws a Fault only before it has changed anything. */
export type Job<T> = (ctx: WriteContext) => T;
export type Outcome<T> = { value: T } | { fault: unknown };

export interface WriterOptions {
  clock?: Clock;
  relaxedWindowMs?: number;
  /** Bytes that the data directory may take; 0 = a part of the volume. Absent: no budget. */
  diskBudget?: number;
  migrations?: readonly Migration[];
  /** Absent: the keys of the process's environment. */
  keyring?: Keyring;
  /** Absent: no vectors are made. */
  vectors?: VectorMaker;
}

export interface WriterStatus {
  head: number;
  nodeId: string;
  atoms: number;
  quarantined: number;
  evictions: number;
  commits: number;
  fsyncs: number;
  databaseBytes: number;
  walBytes: number;
  /** The disk is full: nothing may grow. */
  full: boolean;
  disk: DiskUse;
  wear: Wear;
  /** Trust of the workers with the most votes, most first. */
  trust: [worker: string, score: number][];
}
