import { existsSync, rmSync, statSync } from "node:fs";
import { fileCalls, fileFault, fsyncDir, type Layout } from "../base/mod.ts";

/*
 * Puts another database file in the place of the one of a data directory, so that a power cut at any moment leaves the
 * old one or the new one. The moments, and what the next start finds:
 *
 *   database             nothing begun
 *   database, incoming   not yet swapped: the incoming one is removed, the old one stays
 *   old copy, incoming   half swapped: the incoming one, which was whole before, becomes the database
 *   database, old copy   done
 */

/** Where the old database's WAL goes when it holds what was not folded. */
function walOf(database: string): string {
  return `${database}-wal`;
}

/** Moves a database, then its WAL; the index of the WAL is made anew by whoever opens it. */
function moveDatabase(from: string, to: string): void {
  fileCalls.renameSync(from, to);
  moveWal(from, to);
}

function moveWal(from: string, to: string): void {
  rmSync(walOf(to), { force: true });
  if (existsSync(walOf(from)) && statSync(walOf(from)).size > 0) fileCalls.renameSync(walOf(from), walOf(to));
  dropCompanions(from);
}

/** A WAL left beside a new database would be taken for its own. */
function dropCompanions(database: string): void {
  for (const suffix of ["-wal", "-shm", "-journal"]) rmSync(`${database}${suffix}`, { force: true });
}

/**
 * Makes `fresh`, a whole and synced database on the same file system, the database of a directory; the one before is
 * kept as `aside`. The caller holds the directory's lock, has closed the old database, and folded its WAL unless it is
 * damaged (the WAL is then kept beside it).
 * @throws Fault storage_error or disk_full; the old database is then in its place, or the next start puts it there
 */
export function swapDatabase(place: Layout, fresh: string, aside: string): void {
  try {
    rmSync(place.incoming, { force: true });
    // it speaks of the database that goes
    rmSync(place.checkStatus, { force: true });
    fileCalls.renameSync(fresh, place.incoming);
    fsyncDir(place.dir);
    if (existsSync(place.database)) moveDatabase(place.database, aside);
    fsyncDir(place.dir);
    fileCalls.renameSync(place.incoming, place.database);
    fsyncDir(place.dir);
  } catch (cause) {
    throw fileFault("swap", place.database, cause);
  }
}

/**
 * Finishes or rolls back a swap that was cut off; to be called with the lock held, before the database is opened. An
 * empty database is never made beside one that was moved aside.
 * @returns what was done, or undefined when there was nothing to do
 */
export function settleSwap(place: Layout): "finished" | "rolled back" | undefined {
  const { database, incoming, old, dir } = place;
  try {
    if (existsSync(database)) {
      if (!existsSync(incoming)) return undefined;
      rmSync(incoming, { force: true });
      fsyncDir(dir);
      return "rolled back";
    }
    if (existsSync(incoming)) {
      // the old one's WAL may still lie where the new one would take it for its own
      if (existsSync(walOf(database))) moveWal(database, old);
      fileCalls.renameSync(incoming, database);
      fsyncDir(dir);
      return "finished";
    }
    if (!existsSync(old)) return undefined;
    moveDatabase(old, database);
    fsyncDir(dir);
    return "rolled back";
  } catch (cause) {
    throw fileFault("finish the swap of", database, cause);
  }
}
