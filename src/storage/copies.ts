import type { Database } from "bun:sqlite";
import { existsSync, readFileSync, renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import {
  atomicWrite,
  type Clock,
  decodeUtf8,
  encodeUtf8,
  Fault,
  fsyncDir,
  type Layout,
  LIMITS,
  sweepWork,
  syncFile,
} from "../base/mod.ts";
import { readMeta, readNumber, writeMeta, writeNumber } from "./meta.ts";
import { mendWal, walState } from "./wal-mend.ts";

/** Since when the new binary has run beside the copy of the old schema, ms; 0 = not noted yet. */
const SINCE = "copy_since_ms";
/** Why the copy is not there any more: a sentence for who asks for it. */
const GONE = "copy_gone";

function unfinishedCopy(place: Layout): string {
  return `${place.migrationCopy}.tmp`;
}

/** @throws Fault disk_full unless a copy of `bytes`, and the ballast beside it, fits the disk */
export function requireSpace(place: Layout, what: string, bytes: number): void {
  const disk = statfsSync(place.dir);
  if (disk.bavail * disk.bsize >= bytes * 1.1 + LIMITS.ballastBytes) return;
  const mb = Math.ceil(bytes / 1e6);
  throw new Fault("disk_full", `${what} needs ${mb} MB for a copy first; free some space and start again`);
}

/**
 * Looks at the write-ahead log before SQLite does, which drops what lies behind a damaged frame without a word: a
 * flipped bit is put right, and a log with whole commits behind a broken one is kept for repair.
 * @returns whether a bit was put right
 */
export function settleLog(place: Layout): boolean {
  const mended = mendWal(place.wal) > 0;
  if (walState(place.wal) === "damaged") atomicWrite(place.damagedWal, readFileSync(place.wal));
  return mended;
}

/** What became of the log, a sentence each. @param mended a bit of it was put right */
export function logDamage(place: Layout, mended: boolean): string[] {
  const lost = `the write-ahead log was damaged: commits at its end may be lost; stop the node and run "dwbase storage repair", which looks into ${place.damagedWal}`;
  return [...(existsSync(place.damagedWal) ? [lost] : []), ...(mended ? [MENDED] : [])];
}

const MENDED =
  "a flipped bit of the write-ahead log was put right: the device that it lies on is not reliable; check it";

/** A copy for `storage rollback`, made before anything is touched. @throws Fault disk_full when there is no room. */
export function copyBeforeMigration(db: Database, place: Layout): void {
  requireSpace(place, `upgrading ${place.database}`, statSync(place.database).size);
  const temp = unfinishedCopy(place);
  // a start that was killed here has left a part, which VACUUM INTO would refuse to overwrite
  rmSync(temp, { force: true });
  try {
    db.run("VACUUM INTO ?", [temp]);
    syncFile(temp);
    renameSync(temp, place.migrationCopy);
  } catch (cause) {
    rmSync(temp, { force: true });
    throw cause;
  }
  fsyncDir(dirname(place.migrationCopy));
}

/** Begins a new account of the copy, in the transaction of a migration. */
export function noteCopy(db: Database): void {
  writeNumber(db, SINCE, 0);
  writeMeta(db, GONE, encodeUtf8(""));
}

/** Removes every other file that holds what the database held: copies, what was replaced, what was damaged. */
export function dropCopies(place: Layout): void {
  const { migrationCopy, old, damaged, damagedWal } = place;
  const files = [
    migrationCopy,
    unfinishedCopy(place),
    old,
    `${old}-wal`,
    damaged,
    `${damaged}-wal`,
    damagedWal,
  ];
  for (const path of files) rmSync(path, { force: true });
  // a backup that was killed may have left its copy
  sweepWork(place.dir);
}

/** Removes what a rebuild, a restore or a backup that was cut off has left. */
export function dropRebuild(place: Layout): void {
  for (const path of [place.rebuild, place.restoring]) rmSync(path, { recursive: true, force: true });
  sweepWork(place.dir);
}

/** After a removal no copy may hold what was removed. */
export function dropCopiesAfterForget(place: Layout, db: Database): void {
  if (existsSync(place.migrationCopy)) {
    writeMeta(db, GONE, encodeUtf8("a memory was forgotten since the upgrade, and the copy still held it"));
  }
  dropCopies(place);
}

/** Removes the copy of a migration once the new binary has run for LIMITS.migrationCopyMs. */
export function expireCopy(place: Layout, db: Database, clock: Clock): void {
  if (!existsSync(place.migrationCopy)) return;
  const since = readNumber(db, SINCE);
  if (since === 0) {
    writeNumber(db, SINCE, clock.now());
  } else if (clock.now() - since >= LIMITS.migrationCopyMs) {
    const days = LIMITS.migrationCopyMs / 86_400_000;
    writeMeta(db, GONE, encodeUtf8(`the upgrade is more than ${days} days old`));
    rmSync(place.migrationCopy, { force: true });
  }
}

/** Why there is no copy to go back to; "" when there never was one. */
export function whyNoCopy(db: Database): string {
  return decodeUtf8(readMeta(db, GONE) ?? new Uint8Array()) ?? "";
}
