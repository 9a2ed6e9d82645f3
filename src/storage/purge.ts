import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { type Clock, type Layout, LIMITS } from "../base/mod.ts";
import { dropCopiesAfterForget } from "./copies.ts";
import { readNumber, writeNumber } from "./meta.ts";
import { Scrub, scrubPages, walPages } from "./scrub.ts";

const RETRY_MS = 250;
export const DEBT = "purge_due";

/** Notes in the running transaction that removed bytes are to be purged, so that a killed node goes on with it. */
export function owePurge(db: Database, owed: boolean): void {
  writeNumber(db, DEBT, owed ? 1 : 0);
}

export function owesPurge(db: Database): boolean {
  return readNumber(db, DEBT) === 1;
}

/**
 * Makes forgetting real within LIMITS.forgetPurgeMs: folds the WAL into the database and cuts it to nothing, then
 * scrubs the stale copies that page balancing left (see scrub.ts). Works in short steps between commits. A copy kept
 * from a migration holds what was forgotten too and goes first.
 */
export class Purge {
  private dueAt: number | undefined;
  private scrub: Scrub | undefined;
  /** Pages folded into the file since the scrub began: they may have been read before it cleaned them. */
  private folded = new Set<number>();

  constructor(
    private readonly place: Layout,
    private readonly clock: Clock,
  ) {}

  get idle(): boolean {
    return this.dueAt === undefined && this.scrub === undefined;
  }

  /** Something was removed. */
  request(): void {
    this.dueAt ??= this.clock.monotonic() + LIMITS.forgetFirstTryMs;
  }

  /** To be told of every checkpoint that is about to run beside the purge's own. */
  beforeCheckpoint(): void {
    if (this.scrub === undefined || !existsSync(this.place.wal)) return;
    for (const page of walPages(this.place.wal)) this.folded.add(page);
  }

  /** @returns ms until the next step is due */
  step(db: Database): number {
    if (this.scrub) return this.advance(db, this.scrub);
    if (this.dueAt === undefined) return Number.POSITIVE_INFINITY;
    const wait = this.dueAt - this.clock.monotonic();
    if (wait > 0) return wait;
    dropCopiesAfterForget(this.place, db);
    if (!this.truncate(db)) return RETRY_MS;
    this.dueAt = undefined;
    this.scrub = new Scrub(this.place.database);
    return 0;
  }

  private advance(db: Database, scrub: Scrub): number {
    // pages that a commit reads from now on come from the scrubbed file, not from the cache
    db.run("PRAGMA shrink_memory");
    if (scrub.slice()) return 0;
    this.beforeCheckpoint();
    if (!this.truncate(db)) return RETRY_MS;
    scrubPages(this.place.database, this.folded);
    this.folded.clear();
    db.run("PRAGMA shrink_memory");
    this.scrub = undefined;
    if (this.dueAt !== undefined) return 0;
    owePurge(db, false);
    return Number.POSITIVE_INFINITY;
  }

  private truncate(db: Database): boolean {
    const result = db.query<{ busy: number }, []>("PRAGMA wal_checkpoint(TRUNCATE)").get();
    return result?.busy === 0;
  }
}
