import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import {
  atomicWrite,
  ensureDir,
  Fault,
  fileFault,
  giveToOwnerOf,
  type Layout,
  layout,
  systemClock,
} from "../base/mod.ts";
import {
  auditOffline,
  type DirectoryLock,
  foldStore,
  lockDirectory,
  settleSwap,
  swapDatabase,
} from "../storage/mod.ts";
import { type Examined, examine } from "./examine.ts";
import type { Metadata } from "./metadata.ts";
import { unpackArchive } from "./unpack.ts";
import type { Report } from "./verify.ts";

export interface RestoreOptions {
  input: string;
  dataDir: string;
  /** The directory may hold something: its database is kept as `dwbase.db.old`. */
  force: boolean;
  /** The copy lives on beside its original: it gets a node id of its own. */
  clone: boolean;
  /** Take also a store in which the deep check finds damage. */
  acceptDamage?: boolean;
  report: Report;
}

export interface Restored extends Examined {
  metadata: Metadata;
  /** The database that was replaced, if there was one. */
  old: string | undefined;
}

/** What a directory may hold that is to take a store: nothing of ours, and what a file system makes. */
const NOTHING = new Set(["lost+found", "lock.db", "lock.db-journal", "restoring"]);

/**
 * Puts an archive's store into a data directory that no node uses. Everything is validated, brought to the newest
 * schema and checked beside the database before that is touched; killed at any moment, the next start has the old
 * store or the new one. Missing parents are made.
 * @throws Fault conflict (not empty, and no force), storage_error (a node uses it), damaged, disk_full, forbidden; the
 *   directory is then as it was
 */
export async function restoreArchive(options: RestoreOptions): Promise<Restored> {
  const place = layout(options.dataDir);
  const made = makeDirectories(place.dir);
  let lock: DirectoryLock | undefined;
  try {
    lock = lockDirectory(place);
    settleSwap(place);
    if (!options.force) requireEmpty(place.dir);
    const prepared = await prepare(options, place);
    const old = replace(place);
    noteOrigin(place, options.input, prepared);
    lock.release();
    return { ...prepared, old };
  } catch (cause) {
    dropRestoring(place);
    lock?.abandon();
    removeMade(place.dir, made);
    throw cause;
  }
}

/** @returns the first directory that was not there, if any */
function makeDirectories(dir: string): string | undefined {
  try {
    return mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw fileFault("create directory", dir, cause);
  }
}

/** Removes the directories that were made here, as far as they are empty. */
function removeMade(dir: string, made: string | undefined): void {
  if (made === undefined) return;
  try {
    for (let at = dir; at.length >= made.length; at = dirname(at)) rmdirSync(at);
  } catch {
    // somebody put something in, or the disk failed: they stay
  }
}

function requireEmpty(dataDir: string): void {
  const found = readdirSync(dataDir).filter((name) => !NOTHING.has(name));
  if (found.length === 0) return;
  throw new Fault(
    "conflict",
    `${dataDir} is not empty (${found.slice(0, 3).join(", ")}); add --force to replace its store, which is kept as dwbase.db.old`,
  );
}

/** The validated store, in a directory of its own within the target's. The restore is entered in its audit log. */
async function prepare(
  { input, clone, acceptDamage = false, report }: RestoreOptions,
  place: Layout,
): Promise<Examined & { metadata: Metadata }> {
  const beside = layout(place.restoring);
  rmSync(beside.dir, { recursive: true, force: true });
  ensureDir(beside.dir);
  const metadata = await unpackArchive(resolve(input), beside, report);
  const examined = examine(beside, report, clone ? systemClock.now() : undefined);
  const [first] = examined.findings;
  if (first && !acceptDamage) {
    throw new Fault(
      "damaged",
      `the store in ${input} was damaged in ${examined.findings.length} places when it was backed up (${first.table}: ${first.problem}); take an older backup, or this one with --accept-damage: what is damaged is not answered`,
    );
  }
  if (examined.missingKey === null) {
    const detail = `made ${metadata.created_at} by node ${metadata.node_id}`;
    auditOffline(beside.dir, { action: "restore", actor: "command line", target: basename(input), detail });
  }
  giveToOwnerOf(place.dir, beside.database);
  return { ...examined, metadata };
}

/** The swap. @returns where the database lies that was there */
function replace(place: Layout): string | undefined {
  foldStore(place);
  // before it, since a power cut right after it must not leave vectors of other rows under the same numbers
  drop(place.index);
  const old = existsSync(place.database) ? place.old : undefined;
  try {
    swapDatabase(place, layout(place.restoring).database, place.old);
  } catch (cause) {
    // what can be finished or rolled back now need not wait for the next start
    settleSwap(place);
    throw cause;
  }
  dropRestoring(place);
  // a copy of the store that is not this one any more
  drop(place.migrationCopy);
  return old;
}

function drop(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (cause) {
    throw fileFault("remove", path, cause);
  }
}

/** What stays on a disk that fails is removed by the next start. */
function dropRestoring({ restoring }: Layout): void {
  try {
    rmSync(restoring, { recursive: true, force: true });
  } catch {}
}

function noteOrigin(
  place: Layout,
  input: string,
  { metadata, nodeId }: { metadata: Metadata; nodeId: string },
): void {
  const note = {
    ...metadata,
    restored_at: new Date(systemClock.now()).toISOString(),
    restored_from: basename(input),
    restored_as: nodeId,
  };
  atomicWrite(place.snapshotMetadata, `${JSON.stringify(note, null, 2)}\n`);
  for (const path of [place.snapshotMetadata, place.lock]) giveToOwnerOf(place.dir, path);
}
