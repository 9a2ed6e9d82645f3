import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { Fault, isErrorCode, type Layout, LIMITS, layout, ownCommand, toWire } from "../base/mod.ts";
import { type StoreFacts, snapshotStore } from "../storage/mod.ts";

/** How often the WAL is looked at while its frames are held. */
const LOOK_MS = 100;
/** Name of the copy in the directory that it is made in. */
export const SNAPSHOT = "snapshot.db";

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

/**
 * Has a child process copy the database of a directory into `dir` while a node may go on writing. The copy holds the
 * frames of the WAL as long as it reads; when the WAL so reaches `walBytes` the child is ended rather than a write
 * refused.
 * @param self the command that runs this program
 * @throws Fault disk_full when the child had to be ended, or what the child says
 */
export async function takeSnapshot(
  dataDir: string,
  dir: string,
  walBytes: number,
  self: readonly string[] = ownCommand(),
): Promise<StoreFacts> {
  const place = layout(dataDir);
  const child = Bun.spawn([...self, "backup", "snapshot", dir, "--data-dir", dataDir], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let ended = false;
  const watch = setInterval(() => {
    if (walSize(place) < walBytes) return;
    ended = true;
    child.kill("SIGKILL");
  }, LOOK_MS);
  try {
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    await child.exited;
    if (ended) throw tooBusy(walBytes);
    return factsOf(out, err);
  } finally {
    clearInterval(watch);
    child.kill("SIGKILL");
  }
}

function walSize({ wal }: Layout): number {
  return existsSync(wal) ? statSync(wal).size : 0;
}

function tooBusy(bytes: number): Fault {
  return new Fault(
    "disk_full",
    `the node wrote ${Math.round(bytes / 2 ** 20)} MB while its database was copied, more than may wait; take the backup at a quieter time`,
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

/** Bytes that the WAL may reach during a copy: LIMITS.backupWalBytes, or a quarter of a small disk budget. */
export function walBound(diskBudget: number): number {
  return Math.min(LIMITS.backupWalBytes, Math.floor(diskBudget / 4));
}
