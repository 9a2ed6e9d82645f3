import { existsSync, readdirSync, rmSync } from "node:fs";
import { basename, resolve } from "node:path";
import { atomicWrite, ensureDir, Fault, fileFault, type Layout, layout, systemClock } from "../base/mod.ts";
import {
  auditOffline,
  foldStore,
  lockDirectory,
  renewIdentity,
  settleSwap,
  swapDatabase,
} from "../storage/mod.ts";
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
  report: Report;
}

export interface Restored {
  metadata: Metadata;
  nodeId: string;
  /** The database that was replaced, if there was one. */
  old: string | undefined;
  /** False when the store is encrypted and its key was not at hand to enter the restore in its audit log. */
  audited: boolean;
}

/** What a directory may hold that is to take a store: nothing of ours, and what a file system makes. */
const NOTHING = new Set(["lost+found", "lock.db", "lock.db-journal", "restoring"]);

/**
 * Puts an archive's store into a data directory that no node uses. Everything is validated beside the database before
 * that is touched; killed at any moment, the next start has the old store or the new one. Missing parents are made.
 * @throws Fault conflict (not empty, and no force), storage_error (a node uses it), damaged, disk_full; the store that
 *   is there is then untouched
 */
export async function restoreArchive(options: RestoreOptions): Promise<Restored> {
  const { dataDir, force } = options;
  const place = layout(dataDir);
  ensureDir(dataDir);
  const lock = lockDirectory(place);
  let old: string | undefined;
  let restored: Awaited<ReturnType<typeof prepare>>;
  try {
    settleSwap(place);
    if (!force) requireEmpty(dataDir);
    restored = await prepare(options, place);
    foldStore(place);
    old = existsSync(place.database) ? place.old : undefined;
    swapDatabase(place, layout(place.restoring).database, place.old);
    dropDerived(place);
    noteOrigin(place, options.input, restored);
  } finally {
    rmSync(place.restoring, { recursive: true, force: true });
    lock.release();
  }
  return { ...restored, old, audited: enterAudit(options, restored.metadata) };
}

/** Opens the restored store, which migrates an older schema, and enters the restore in its audit log. */
function enterAudit({ dataDir, input }: RestoreOptions, { created_at, node_id }: Metadata): boolean {
  const detail = `made ${created_at} by node ${node_id}`;
  try {
    auditOffline(dataDir, { action: "restore", actor: "command line", target: basename(input), detail });
    return true;
  } catch (cause) {
    if (cause instanceof Fault && cause.code === "forbidden") return false;
    throw cause;
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

/** The validated store, in a directory of its own within the target's. */
async function prepare(
  { input, clone, report }: RestoreOptions,
  place: Layout,
): Promise<{ metadata: Metadata; nodeId: string }> {
  const beside = layout(place.restoring);
  rmSync(beside.dir, { recursive: true, force: true });
  ensureDir(beside.dir);
  const metadata = await unpackArchive(resolve(input), beside, report);
  const nodeId = clone ? renewIdentity(beside, systemClock.now()) : metadata.node_id;
  return { metadata, nodeId };
}

/** What was derived from the replaced store. The copy before a migration belonged to it too. */
function dropDerived({ index, migrationCopy }: Layout): void {
  try {
    rmSync(index, { recursive: true, force: true });
    rmSync(migrationCopy, { force: true });
  } catch (cause) {
    throw fileFault("remove", index, cause);
  }
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
}
