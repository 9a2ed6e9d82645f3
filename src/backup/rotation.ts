import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { asFault, ensureDir, Fault, fileFault, fsyncDir, layout, systemClock } from "../base/mod.ts";
import { storeFacts } from "../storage/mod.ts";
import { readMetadata } from "./archive.ts";
import { type Created, type CreateOptions, create } from "./create.ts";
import type { Metadata } from "./metadata.ts";
import { requireMount } from "./mounts.ts";
import { SEAL_BYTES } from "./seal.ts";
import { type Noted, noted } from "./status.ts";

export interface RotationOptions extends Omit<CreateOptions, "out"> {
  /** Directory on the backup volume. */
  target: string;
  /** Refuse a target at which nothing is mounted; else it is made when it is not there. */
  requireMount: boolean;
  /** Backups of this node that are kept. */
  keep: number;
}

const NAME = /^dwbase-([0-9a-f]{8})-(\d{8}T\d{6}Z)(?:-(\d+))?\.tzst$/;

/** Names of a node's backups in a directory, by the time in them and the number of a second one in a second. */
function namesOf(target: string, node: string): string[] {
  const found = readdirSync(target).flatMap((name) => {
    const [, whose, stamp = "", again = "0"] = NAME.exec(name) ?? [];
    return whose === node ? [{ name, stamp, again: Number(again) }] : [];
  });
  found.sort((a, b) => a.stamp.localeCompare(b.stamp) || a.again - b.again);
  return found.map(({ name }) => name);
}

/** A second backup within a second gets a number above those that were taken in it. */
function nameFor(target: string, node: string, now: number): string {
  const stamp = `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
  const name = `dwbase-${node}-${stamp}`;
  const taken = readdirSync(target).flatMap((other) =>
    other.startsWith(name) ? Number(NAME.exec(other)?.[3] ?? 0) : [],
  );
  return taken.length === 0 ? `${name}.tzst` : `${name}-${Math.max(...taken) + 1}.tzst`;
}

/**
 * Takes a backup to a directory and removes this node's oldest ones beyond `keep`: only once the new one is whole and
 * was read back, so the last good one always stays. How it went is noted in the data directory.
 * @throws Fault as `createArchive`; storage_error when nothing is mounted at the target, and something must be
 */
export async function backupTo(options: RotationOptions): Promise<Created & Noted & { removed: string[] }> {
  const { dataDir, target, keep } = options;
  return noted(dataDir, async () => {
    if (options.requireMount) requireMount(target);
    else ensureDir(target, 0o755);
    const node = storeFacts(layout(dataDir)).nodeId.slice(-8);
    const out = join(target, nameFor(target, node, systemClock.now()));
    const created = await create({ ...options, out });
    return { ...created, removed: rotate(target, node, keep, out) };
  });
}

/** The newest by name may be wrong where the clock was: the one just made always counts as kept. */
function rotate(target: string, node: string, keep: number, made: string): string[] {
  const others = namesOf(target, node)
    .map((name) => join(target, name))
    .filter((path) => path !== made);
  const removed = others.slice(0, Math.max(0, others.length - (keep - 1)));
  try {
    for (const path of removed) rmSync(path, { force: true });
    if (removed.length > 0) fsyncDir(target);
  } catch (cause) {
    throw fileFault("remove old backups in", target, cause);
  }
  return removed;
}

/** An archive in a directory. */
export interface Backup {
  path: string;
  bytes: number;
  /** What it says of itself; null when its beginning cannot be read. Only `verifyArchive` reads all of it. */
  metadata: Metadata | null;
  /** Why it cannot be read; "" when it can. */
  problem: string;
}

/** The archives in a directory, whoever made them, oldest first. @throws Fault not_found, storage_error */
export async function listBackups(target: string): Promise<Backup[]> {
  if (statSync(target, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new Fault("not_found", `there is no directory ${target}`);
  }
  const found: Backup[] = [];
  try {
    for (const name of readdirSync(target).filter((one) => one.endsWith(".tzst"))) {
      found.push(await lookAt(join(target, name)));
    }
  } catch (cause) {
    throw fileFault("read", target, cause);
  }
  const taken = (backup: Backup): string => backup.metadata?.created_at ?? "";
  return found.sort((a, b) => taken(a).localeCompare(taken(b)) || a.path.localeCompare(b.path));
}

async function lookAt(path: string): Promise<Backup> {
  const bytes = statSync(path).size;
  try {
    const metadata = await readMetadata(path, Math.max(1, bytes - SEAL_BYTES));
    return { path, bytes, metadata, problem: "" };
  } catch (cause) {
    return { path, bytes, metadata: null, problem: asFault(cause).message };
  }
}
