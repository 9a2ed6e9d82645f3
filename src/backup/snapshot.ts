import { closeSync, existsSync, openSync, statfsSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { Fault, isErrorCode, LIMITS, layout, toWire } from "../base/mod.ts";
import { type StoreFacts, snapshotStore } from "../storage/mod.ts";
import type { Kernel } from "./kernel.ts";
import { Pace } from "./pace.ts";

/** How often the WAL and the copy are looked at. */
const LOOK_MS = 2;
/** Part of the bound of the WAL from which on the copying takes no rests any more. */
const HURRY = 0.25;
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
  kernel: Kernel;
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
  const copy = new GrowingCopy(join(dir, SNAPSHOT), child, options.kernel);
  let ended: Fault | undefined;
  const began = performance.now();
  const look = async (): Promise<void> => {
    const wal = sizeOf(place.wal);
    if (wal >= walBytes) ended ??= tooBusy(walBytes);
    if (performance.now() - began >= LIMITS.backupReadMs) ended ??= tooSlow();
    if (ended || signal?.aborted) child.kill("SIGKILL");
    else onProgress(await copy.writeOut(wal > HURRY * walBytes));
  };
  try {
    const said = Promise.all([child.stdout.text(), child.stderr.text()]);
    while (child.exitCode === null && child.signalCode === null) {
      await look();
      await Promise.race([child.exited, Bun.sleep(LOOK_MS)]);
    }
    const [out, err] = await said;
    signal?.throwIfAborted();
    if (ended) throw ended;
    return factsOf(out, err);
  } finally {
    copy.close();
    child.kill("SIGKILL");
  }
}

/**
 * The copy while a child makes it. SQLite would leave all of it to one flush at the end, behind which the node's own
 * fsyncs wait: the child stands still while what it has written goes out.
 */
class GrowingCopy {
  private fd: number | undefined;
  private pace: Pace | undefined;

  constructor(
    private readonly path: string,
    private readonly child: Bun.Subprocess,
    private readonly kernel: Kernel,
  ) {}

  /** @param hurry see `Pace` @returns its bytes so far */
  async writeOut(hurry: boolean): Promise<number> {
    const bytes = sizeOf(this.path);
    if (this.fd === undefined) {
      if (bytes === 0) return 0;
      this.fd = openSync(this.path, "r");
      this.pace = new Pace(this.kernel, this.fd);
    }
    if (this.pace?.due(bytes)) {
      this.child.kill("SIGSTOP");
      await this.pace.wrote(bytes, hurry);
      this.child.kill("SIGCONT");
    }
    return bytes;
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
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
