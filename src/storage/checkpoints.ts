import type { Database } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import { type Layout, LIMITS } from "../base/mod.ts";
import type { Purge } from "./purge.ts";

const WAL_FRAME_BYTES = LIMITS.pageSize + 24;
/** fsyncs of a checkpoint: the WAL's and the database's. */
const CHECKPOINT_FSYNCS = 2;

/** Folds the WAL into the database. Run by hand, never by SQLite's own autocheckpoint, which hides errors. */
export class Checkpoints {
  /** Something was committed since the WAL was last empty. */
  dirty = false;
  /**
   * A commit has gone well after one that failed. Behind it in the WAL whole frames of the failed one may stand, which
   * would look like commits behind damage, until the WAL is emptied.
   */
  leftovers = false;

  constructor(
    private readonly place: Layout,
    private readonly purge: Purge,
  ) {}

  walBytes(): number {
    return existsSync(this.place.wal) ? statSync(this.place.wal).size : 0;
  }

  /** @param idle nothing is waiting to be written @returns fsyncs it took */
  ifDue(db: Database, idle: boolean): number {
    if (this.leftovers) return this.run(db, "TRUNCATE");
    if (!this.dirty) return 0;
    const size = this.walBytes();
    if (idle && size > 0) {
      this.dirty = false;
      return this.run(db, "TRUNCATE");
    }
    // the file keeps its size when its frames are folded, so that only a look inside tells what waits
    const waiting = size > LIMITS.walPassiveBytes ? this.unfoldedBytes(db) : 0;
    if (waiting > LIMITS.walRestartBytes) return this.run(db, "RESTART");
    return waiting > LIMITS.walPassiveBytes ? this.run(db, "PASSIVE") : 0;
  }

  /** A reader in the way leaves the rest for the next time. @returns fsyncs it took */
  run(db: Database, mode: "PASSIVE" | "RESTART" | "TRUNCATE"): number {
    this.purge.beforeCheckpoint();
    const result = db
      .query<{ busy: number; log: number; checkpointed: number }, []>(`PRAGMA wal_checkpoint(${mode})`)
      .get();
    if (result?.busy) this.dirty = true;
    else if (mode === "TRUNCATE") this.leftovers = false;
    return CHECKPOINT_FSYNCS;
  }

  /** Gives free pages back to the file system, a few at a time. @param all however few there are */
  giveBack(db: Database, all: boolean): void {
    const free = db.query<{ freelist_count: number }, []>("PRAGMA freelist_count").get()!.freelist_count;
    if (free < (all ? 1 : GIVE_BACK_FROM)) return;
    db.run(`PRAGMA incremental_vacuum(${GIVE_BACK_PAGES})`);
    this.dirty = true;
  }

  /** Bytes of the WAL that no checkpoint has folded into the database. */
  private unfoldedBytes(db: Database): number {
    const { log, checkpointed } = db
      .query<{ log: number; checkpointed: number }, []>("PRAGMA wal_checkpoint(NOOP)")
      .get()!;
    return (log - checkpointed) * WAL_FRAME_BYTES;
  }
}

/** Free pages from which the file is shrunk, and pages given back at a time. */
const GIVE_BACK_FROM = 1024;
const GIVE_BACK_PAGES = 256;
