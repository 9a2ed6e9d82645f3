import { existsSync, statfsSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { Fault, isErrorCode, LIMITS, layout, toWire } from "../base/mod.ts";
import { type StoreFacts, snapshotStore } from "../storage/mod.ts";

/** How often the WAL is looked at while its frames are held. */
const LOOK_MS = 50;
/** Name of the copy in the directory that it is made in: that of a store. */
export const SNAPSHOT = basename(layout("").database);

/** What the child says on its standard output: facts, or a fault on the wire. */
type Said = { facts: StoreFacts } | { fault: ReturnType<typeof toWire> };

/** The child's part: copies the database and says what is in it. @returns the line to print and the exit code */
export function snapshotHere(dataDir: string, dir: string): { line: string; ok: boolean } {
  let said: Said;
  try {
    said = { facts: snapshotStore(layout(dataDir), join(dir, SNAPSHOT)) };
  } catch (cause) {
    said = { fault: toWire(cause) };
  }
  return { line: JSON.stringify(said), ok: "facts" in said };
}

export interface SnapshotOptions {
  dataDir: string;
  /** Where the copy is made. */
  dir: string;
  /** See `walBound`. */
  walBytes: number;
  /** The command that runs this program. */
  self: readonly string[];
  /** Told of the bytes of the copy so far. */
  onProgress: (bytes: number) => void;
  signal?: AbortSignal | undefined;
}

/**
 * Has a child process copy the database of a directory while a node may go on writing. The copy holds the frames of
 * the WAL as long as it reads; when the WAL so reaches `walBytes` the child is ended rather than a write refused, and
 * after LIMITS.backupReadMs too.
 * @throws Fault disk_full or deadline_exceeded when the child had to be ended, or what it says; the reason of `signal`
 */
export async function takeSnapshot(options: SnapshotOptions): Promise<StoreFacts> {
  const { dataDir, dir, walBytes, self, onProgress, signal } = options;
  const place = layout(dataDir);
  const child = Bun.spawn([...self, "backup", "snapshot", dir, "--data-dir", dataDir], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let ended: Fault | undefined;
  const began = performance.now();
  const watch = setInterval(() => {
    if (sizeOf(place.wal) >= walBytes) ended ??= tooBusy(walBytes);
    if (performance.now() - began >= LIMITS.backupReadMs) ended ??= tooSlow();
    if (ended || signal?.aborted) child.kill("SIGKILL");
    else onProgress(sizeOf(join(dir, SNAPSHOT)));
  }, LOOK_MS);
  try {
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    await child.exited;
    signal?.throwIfAborted();
    if (ended) throw ended;
    return factsOf(out, err);
  } finally {
    clearInterval(watch);
    child.kill("SIGKILL");
  }
}

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

function tooBusy(bytes: number): Fault {
  return new Fault(
    "disk_full",
    `the write-ahead log reached ${Math.round(bytes / 2 ** 20)} MB while the database was copied, so the backup gave way to the node; take it at a quieter time`,
    { op: "backup" },
  );
}

function tooSlow(): Fault {
  return new Fault(
    "deadline_exceeded",
    `the copying took longer than ${LIMITS.backupReadMs / 60_000} minutes; take the backup to a faster disk`,
    { op: "backup" },
  );
}

function factsOf(out: string, err: string): StoreFacts {
  try {
    const said = JSON.parse(out) as Said;
    if ("facts" in said) return said.facts;
    const { code, message } = said.fault;
    if (isErrorCode(code)) throw new Fault(code, message, { op: "backup" });
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
  }
  throw new Fault(
    "internal_error",
    `the copying process ended without an answer: ${err.trim() || "no reason given"}`,
  );
}

/**
 * Bytes that the WAL may reach during a copy: LIMITS.backupWalBytes, or a quarter of a small disk budget.
 * @param diskBudget in bytes; 0 = most of the volume
 */
export function walBound(dataDir: string, diskBudget: number): number {
  const volume = statfsSync(dataDir);
  const budget = diskBudget > 0 ? diskBudget : volume.blocks * volume.bsize * 0.8;
  return Math.min(LIMITS.backupWalBytes, Math.floor(budget / 4));
}
