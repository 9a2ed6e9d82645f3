import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { asFault, fileFault, layout, systemClock } from "../base/mod.ts";
import { storeFacts } from "../storage/mod.ts";
import { type Created, type CreateOptions, createArchive } from "./create.ts";
import { requireMounted } from "./space.ts";
import { noteFailure, noteSuccess } from "./status.ts";

export interface RotationOptions extends Omit<CreateOptions, "out"> {
  /** Directory on the backup volume. */
  target: string;
  /** Refuse a target that is not on a volume of its own. */
  requireMount: boolean;
  /** Backups of this node that are kept. */
  keep: number;
}

/** A backup by its file name: `dwbase-<first 8 digits of the node's id>-<YYYYMMDDTHHMMSSZ>.tzst`, with a number for a second one in a second. */
export interface Backup {
  path: string;
  node: string;
  /** RFC 3339. */
  created_at: string;
  bytes: number;
}

const NAME = /^dwbase-([0-9a-f]{8})-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-(\d+))?\.tzst$/;

/** The backups in a directory, oldest first. Whether they are whole is for `verifyArchive` to say. @throws Fault */
export function listBackups(target: string): Backup[] {
  let names: string[];
  try {
    names = readdirSync(target);
  } catch (cause) {
    throw fileFault("read", target, cause);
  }
  const found = names.flatMap((name) => {
    const parts = NAME.exec(name);
    if (!parts) return [];
    const [, node, year, month, day, hour, minute, second, again = "0"] = parts;
    const path = join(target, name);
    const created_at = `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
    return [{ node: node!, created_at, bytes: statSync(path).size, path, again: Number(again) }];
  });
  return found
    .sort((a, b) => a.created_at.localeCompare(b.created_at) || a.again - b.again)
    .map(({ again: _, ...backup }) => backup);
}

/** A second backup within a second gets a number above those that were taken in it. */
function nameFor(target: string, node: string, now: number): string {
  const stamp = `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
  const name = `dwbase-${node}-${stamp}`;
  const taken = readdirSync(target).flatMap((other) =>
    other.startsWith(name) ? Number(NAME.exec(other)?.[8] ?? 0) : [],
  );
  return taken.length === 0 ? `${name}.tzst` : `${name}-${Math.max(...taken) + 1}.tzst`;
}

/**
 * Takes a backup to a directory and removes this node's oldest ones beyond `keep`: only once the new one is whole and
 * was read back, so the last good one always stays. How it went is noted in the data directory.
 * @throws Fault as `createArchive`; storage_error when the target is not on a volume of its own
 */
export async function backupTo(options: RotationOptions): Promise<Created & { removed: string[] }> {
  const { dataDir, target, keep } = options;
  try {
    if (options.requireMount) requireMounted(target, dataDir);
    const node = storeFacts(layout(dataDir)).nodeId.slice(-8);
    const out = join(target, nameFor(target, node, systemClock.now()));
    const created = await createArchive({ ...options, out });
    const removed = rotate(target, node, keep, out);
    noteSuccess(dataDir, out, created.bytes, systemClock.now());
    return { ...created, removed };
  } catch (cause) {
    noteUnlessLost(dataDir, asFault(cause).message);
    throw cause;
  }
}

/** The failure itself is what is told; that it could not be noted (a full disk, a foreign user) adds nothing. */
function noteUnlessLost(dataDir: string, reason: string): void {
  try {
    noteFailure(dataDir, reason, systemClock.now());
  } catch {}
}

/** The newest by name may be wrong where the clock was: the one just made always counts as kept. */
function rotate(target: string, node: string, keep: number, made: string): string[] {
  const others = listBackups(target).filter((backup) => backup.node === node && backup.path !== made);
  const removed = others.slice(0, Math.max(0, others.length - (keep - 1))).map(({ path }) => path);
  for (const path of removed) rmSync(path, { force: true });
  return removed;
}
