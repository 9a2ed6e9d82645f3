import type { Database } from "bun:sqlite";
import { readdirSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  type Clock,
  CRITICAL,
  errnoOf,
  Fault,
  type Layout,
  LIMITS,
  nextStage,
  type Stage,
  TIGHT,
} from "../base/mod.ts";

/** Part of the volume that is the budget when none is set. */
const OF_VOLUME = 0.8;
/** The directory is looked through at most so often; what the writer itself adds is known without. */
const SCAN_MS = 100;
/** What a commit can still add to the WAL after the last look at it: the pages of the writer's cache, and a margin. */
const UNSEEN_BYTES = LIMITS.writerCacheBytes + 256 * 1024;
/** Room beside that before a transaction begins to grow: refusing it then costs nothing, a rollback does. */
const BEGIN_BYTES = 512 * 1024;
/** With less room than this, space that is not needed is given back at once. */
const SHORT_BYTES = 16 * 1024 * 1024;
/** With more room than any group of writes takes, a running transaction is not watched. */
const NEAR_BYTES = 128 * 1024 * 1024;

/** Whole databases that an upgrade, a restore or a repair leaves: judged by the disk's free space, and deleted later. */
const KEPT_ASIDE = ["migrationCopy", "old", "damaged", "damagedWal"] as const satisfies (keyof Layout)[];

/** Bytes that a file takes: its length, or what the disk gives it if that is more. */
function sizeOf(path: string): number {
  try {
    const { size, blocks } = statSync(path);
    return Math.max(size, blocks * 512);
  } catch (cause) {
    // renamed or removed since the directory was read
    if (errnoOf(cause) === "ENOENT") return 0;
    throw cause;
  }
}

/** Bytes under a directory, leaving out what a path in `except` names. */
export function directoryBytes(dir: string, except: readonly string[] = []): number {
  let sum = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (except.includes(path)) continue;
    sum += sizeOf(path);
    if (entry.isDirectory()) sum += directoryBytes(path);
  }
  return sum;
}

export interface DiskUse {
  /** Bytes of the data directory, free pages of the database left out. */
  used: number;
  budget: number;
  stage: Stage;
}

/**
 * The disk budget of a data directory: database, WAL, indexes, ballast and temporary files together never take more.
 * Copies kept aside are judged by the free space of the disk alone. Used by the writer, which asks it
 * before anything grows.
 */
export class DiskBudget {
  private scannedAt = Number.NEGATIVE_INFINITY;
  /** All but the database and its WAL, and all, at the last look. */
  private beside = 0;
  private total = 0;
  private bytes = Number.POSITIVE_INFINITY;
  private stage: Stage = "ok";
  private free = 0;

  /** @param budget bytes; 0 = a part of the volume; undefined = none */
  constructor(
    private readonly place: Layout,
    private readonly budget: number | undefined,
    private readonly clock: Clock,
  ) {}

  /** Looks through the directory, unless that was done just now. @returns the stage */
  look(db: Database): Stage {
    if (this.budget === undefined) return "ok";
    if (this.clock.monotonic() - this.scannedAt >= SCAN_MS) this.scan(db);
    return this.stage;
  }

  get use(): DiskUse {
    const budget = Number.isFinite(this.bytes) ? this.bytes : 0;
    return { used: Math.max(0, this.total - this.free), budget, stage: this.stage };
  }

  /** The next look is a fresh one. */
  forget(): void {
    this.scannedAt = Number.NEGATIVE_INFINITY;
  }

  /** A file was made since the last look, which knew nothing of it. */
  grew(bytes: number): void {
    this.beside += bytes;
    this.total += bytes;
  }

  /** Bytes until the budget. */
  get room(): number {
    return this.bytes - this.total;
  }

  /** Whether the WAL should be kept small and free pages be given back at once. */
  get short(): boolean {
    return this.stage !== "ok" || this.room < SHORT_BYTES;
  }

  /**
   * In a transaction that makes the store grow: what it has written so far must fit, and so must what a commit and
   * the checkpoint after it can still add.
   * @param begun whether it has grown already
   * @throws Fault disk_full
   */
  check(db: Database, begun: boolean): void {
    if (this.room > NEAR_BYTES) return;
    const pages = db.query<{ page_count: number }, []>("PRAGMA page_count").get()!.page_count;
    const most =
      this.beside +
      pages * LIMITS.pageSize +
      sizeOf(this.place.wal) +
      UNSEEN_BYTES +
      (begun ? 0 : BEGIN_BYTES);
    if (most > this.bytes) throw budgetFull();
  }

  private scan(db: Database): void {
    this.scannedAt = this.clock.monotonic();
    const { place } = this;
    this.bytes = this.budget! > 0 ? this.budget! : Math.floor(volumeBytes(place.dir) * OF_VOLUME);
    this.total = directoryBytes(place.dir, keptAside(place));
    const database = sizeOf(place.database);
    this.beside = this.total - database - sizeOf(place.wal);
    this.free = db
      .query<{ n: number }, []>(
        "SELECT freelist_count * page_size AS n FROM pragma_freelist_count, pragma_page_size",
      )
      .get()!.n;
    const ballast = LIMITS.ballastBytes - Math.min(LIMITS.ballastBytes, sizeOf(place.ballast));
    // the ballast counts also while it is given up, else giving it up would already look like room; a small budget
    // is critical where a commit's own needs begin
    const needed = Math.max(0, UNSEEN_BYTES + BEGIN_BYTES - (1 - CRITICAL) * this.bytes);
    this.stage = nextStage(this.stage, this.total - this.free + ballast + needed, this.bytes);
  }
}

/** What a file beside the database may take at most, so that writing goes on. @param budget as for DiskBudget */
export function diskRoom(place: Layout, budget: number): number {
  const bytes = budget > 0 ? budget : volumeBytes(place.dir) * OF_VOLUME;
  return Math.max(0, bytes * TIGHT - directoryBytes(place.dir, keptAside(place)));
}

function keptAside(place: Layout): string[] {
  return KEPT_ASIDE.map((name) => place[name]);
}

function volumeBytes(dir: string): number {
  const { blocks, bsize } = statfsSync(dir);
  return blocks * bsize;
}

export function budgetFull(): Fault {
  return new Fault(
    "disk_full",
    "the disk budget is used up; forget memories, set a retention policy, or raise node.limits.max_disk_mb: reading and forgetting go on",
    { retryAfter: 30 },
  );
}
