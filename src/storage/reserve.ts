import { closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { Fault, fsyncDir, KB, type Layout, LIMITS, MB } from "../base/mod.ts";
import { budgetFull, type DiskBudget } from "./disk-budget.ts";

const CHUNK = Buffer.alloc(256 * KB);
/** What must be free beside the ballast before writing goes on, so that it does not stop again at once. */
const MARGIN = MB;

/**
 * A ballast file that is given up when the disk is full, so that opening, forgetting and checkpointing still work
 * (SQLite needs space even to delete). New memories are refused until there is room for the ballast again.
 */
export class Reserve {
  /** The ballast was given up; nothing may grow. */
  full = false;

  constructor(
    private readonly place: Layout,
    private readonly budget: DiskBudget,
  ) {}

  /** Why nothing may grow. */
  refusal(): Fault {
    if (this.budget.use.stage === "critical") return budgetFull();
    const message = "the disk is full; free some space or forget memories: reading and forgetting go on";
    return new Fault("disk_full", message, { retryAfter: 30 });
  }

  /** Gives the ballast's space back to the disk. @returns whether there was any */
  release(): boolean {
    this.full = true;
    const held = this.isHeld();
    rmSync(this.place.ballast, { force: true });
    this.budget.forget();
    return held;
  }

  /** Makes the ballast where disk and budget have room for it and more; then there is no shortage any more. */
  restore(): void {
    if (this.budget.use.stage === "critical") return;
    if (!this.isHeld()) {
      const disk = statfsSync(this.place.dir);
      if (disk.bavail * disk.bsize < 2 * LIMITS.ballastBytes + MARGIN) return;
      // free pages of the database are no room for it until they are given back
      if (this.budget.room < LIMITS.ballastBytes + MARGIN || !this.make()) return;
      this.budget.grew(LIMITS.ballastBytes);
    }
    this.full = false;
  }

  private isHeld(): boolean {
    try {
      return statSync(this.place.ballast).size >= LIMITS.ballastBytes;
    } catch {
      return false;
    }
  }

  private make(): boolean {
    const temp = `${this.place.ballast}.tmp`;
    try {
      const fd = openSync(temp, "w", 0o600);
      try {
        for (let size = 0; size < LIMITS.ballastBytes; size += CHUNK.length) writeSync(fd, CHUNK);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temp, this.place.ballast);
      fsyncDir(dirname(temp));
      return true;
    } catch {
      // no room after all (a quota, say): it stays as it is and is tried again
      rmSync(temp, { force: true });
      return false;
    }
  }
}
