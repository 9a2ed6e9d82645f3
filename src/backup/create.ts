import { existsSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ensureDir, fileCalls, fileFault, fsyncDir, layout, systemClock } from "../base/mod.ts";
import { snapshotBytes } from "../storage/mod.ts";
import { writeArchive } from "./archive.ts";
import { describe, type Metadata } from "./metadata.ts";
import { SEAL_BYTES } from "./seal.ts";
import { FileSink, PipeSink } from "./sink.ts";
import { SNAPSHOT, takeSnapshot, walBound } from "./snapshot.ts";
import { requireFileSize, requireSpace, workDirectory } from "./space.ts";
import { type Report, verifyArchive } from "./verify.ts";

export interface CreateOptions {
  dataDir: string;
  /** Where the archive goes: a path, or what takes its bytes. */
  out: string | ((bytes: Uint8Array) => void);
  /** Disk budget of the node, bytes: how much its WAL may grow meanwhile. */
  diskBudget: number;
  /** What /index/status says; [] when the node is not reachable. */
  index: () => Promise<unknown[]>;
  report: Report;
  /** The command that runs this program, for its copying child. */
  self?: readonly string[];
}

export interface Created {
  /** "" for a pipe. */
  path: string;
  bytes: number;
  metadata: Metadata;
}

/**
 * Makes an archive of a data directory, beside a running node or not, in constant memory. A file takes its name only
 * when it is whole, synced, and was read back.
 * @throws Fault not_found (no store), disk_full, storage_error, damaged; nothing is then left behind
 */
export async function createArchive(options: CreateOptions): Promise<Created> {
  const { dataDir, out } = options;
  const bytes = snapshotBytes(layout(dataDir));
  const parent = typeof out === "string" ? dirname(resolve(out)) : dataDir;
  ensureDir(parent, 0o755);
  // the copy, and an archive that may turn out as large
  requireSpace(parent, typeof out === "string" ? 2 * bytes : bytes, "the backup");
  requireFileSize(parent, bytes);
  const work = workDirectory(parent);
  try {
    const snapshot = join(work, SNAPSHOT);
    options.report("copying the database", 0, 1);
    const facts = await takeSnapshot(dataDir, work, walBound(options.diskBudget), options.self);
    const file = await hashed(snapshot, options.report);
    const metadata = describe(facts, file, await options.index(), systemClock.now());
    const progress = (done: number, total: number) => options.report("writing the archive", done, total);
    if (typeof out !== "string") {
      const pipe = new PipeSink(out);
      await writeArchive(pipe, metadata, snapshot, progress);
      return { path: "", bytes: pipe.bytes + SEAL_BYTES, metadata };
    }
    const temp = join(work, basename(out));
    await writeFileArchive(temp, metadata, snapshot, progress);
    await verifyArchive(temp, options.report);
    publish(temp, out);
    return { path: out, bytes: statSync(out).size, metadata };
  } finally {
    remove(work);
  }
}

async function hashed(path: string, report: Report): Promise<{ bytes: number; sha256: string }> {
  const file = Bun.file(path);
  const hash = new Bun.CryptoHasher("sha256");
  let bytes = 0;
  for await (const chunk of file.stream()) {
    hash.update(chunk);
    bytes += chunk.length;
    report("hashing", bytes, file.size);
  }
  return { bytes, sha256: hash.digest("hex") };
}

async function writeFileArchive(
  path: string,
  metadata: Metadata,
  snapshot: string,
  progress: (done: number, total: number) => void,
): Promise<void> {
  const sink = new FileSink(path);
  try {
    await writeArchive(sink, metadata, snapshot, progress);
  } finally {
    sink.destroy();
  }
}

/** A name that is not on the disk for certain is taken back, unless it replaced another archive. */
function publish(temp: string, out: string): void {
  const fresh = !existsSync(out);
  try {
    fileCalls.renameSync(temp, out);
    fsyncDir(dirname(resolve(out)));
  } catch (cause) {
    if (fresh) remove(out);
    throw fileFault("write", out, cause);
  }
}

/** Of a volume that is gone nothing can be removed any more. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // said already by what failed before; what stays is removed by the next backup there
  }
}
