import { closeSync, existsSync, openSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import {
  ensureDir,
  Fault,
  fileCalls,
  fileFault,
  fsyncDir,
  layout,
  ownCommand,
  removeWork,
  systemClock,
  workDirectory,
} from "../base/mod.ts";
import { rekeyStore, type StoreFacts, snapshotBytes, storeFacts } from "../storage/mod.ts";
import { writeArchive } from "./archive.ts";
import { Kernel } from "./kernel.ts";
import { describe, type Metadata } from "./metadata.ts";
import { SEAL_BYTES } from "./seal.ts";
import { FileSink, PipeSink } from "./sink.ts";
import { SNAPSHOT, takeSnapshot, walBound } from "./snapshot.ts";
import { requireFileSize, requireSpace } from "./space.ts";
import { type Noted, noted } from "./status.ts";
import { type Report, verifyArchive } from "./verify.ts";

/** Name of an archive while it is written: half of one is never named as a whole one is. */
const PART = "archive.part";

export interface CreateOptions {
  dataDir: string;
  /** Where the archive goes: a path, or what takes its bytes. */
  out: string | ((bytes: Uint8Array) => void);
  /** Disk budget of the node in bytes, 0 = most of its volume: how much its WAL may grow meanwhile. */
  diskBudget: number;
  /** What /index/status says; [] when the node is not reachable. */
  index: () => Promise<unknown[]>;
  report: Report;
  /** Id of the key by which the copy of a store that is not encrypted is. */
  encrypt?: string;
  /** The command that runs this program, for its copying child. */
  self?: readonly string[];
  /** This process exists for the backup alone: once the copy is made, the processor and the disk are everybody else's first. */
  background?: boolean;
  /** Ends it; nothing is left behind then. */
  signal?: AbortSignal;
}

export interface Created {
  /** "" for a pipe. */
  path: string;
  bytes: number;
  metadata: Metadata;
}

/**
 * Makes an archive of a data directory, beside a running node or not, in constant memory. A file takes its name only
 * when it is whole, synced, and was read back. How it went is noted in the data directory.
 * @throws Fault not_found (no store), disk_full, storage_error, damaged, forbidden (no key to encrypt by); nothing is
 *   then left behind, and a file that had the name before is as it was
 */
export async function createArchive(options: CreateOptions): Promise<Created & Noted> {
  return noted(options.dataDir, () => create(options));
}

/** Without a note of it. */
export async function create(options: CreateOptions): Promise<Created> {
  const { dataDir, out, encrypt } = options;
  const bytes = snapshotBytes(layout(dataDir));
  const target = typeof out === "string" ? dirname(resolve(out)) : undefined;
  if (typeof out === "string" && statSync(out, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Fault("usage", `${out} is a directory; name the file to write`);
  }
  if (target !== undefined) ensureDir(target, 0o755);
  // what is to be encrypted never lies open on the drive of the backups, where it could be found again
  const parent = encrypt === undefined && target !== undefined ? target : dataDir;
  requireRoom(parent, target, bytes, encrypt === undefined ? 1 : 2);
  const work = workDirectory(parent);
  const place = target === undefined || target === parent ? work : workDirectory(target);
  try {
    const kernel = await Kernel.open();
    const facts = await copyStore(options, kernel, work, bytes);
    return await packCopy(options, kernel, join(work, SNAPSHOT), facts, join(place, PART));
  } finally {
    removeWork(work);
    removeWork(place);
  }
}

/** Room for the copies of the database, and for an archive that may turn out as large. @throws Fault disk_full */
function requireRoom(parent: string, target: string | undefined, bytes: number, copies: number): void {
  const beside = target === parent ? 1 : 0;
  requireSpace(parent, (copies + beside) * bytes, "the backup");
  requireFileSize(parent, bytes);
  if (target === undefined || beside === 1) return;
  requireSpace(target, bytes, "the backup");
  requireFileSize(target, bytes);
}

/** The copy of the database in `work`, encrypted if that is wanted. */
async function copyStore(
  options: CreateOptions,
  kernel: Kernel,
  work: string,
  bytes: number,
): Promise<StoreFacts> {
  const { dataDir, report, signal, encrypt } = options;
  const facts = await takeSnapshot({
    dataDir,
    dir: work,
    kernel,
    walBytes: walBound(dataDir, options.diskBudget),
    self: options.self ?? ownCommand(),
    onProgress: (done) => report("copying the database", done, bytes),
    signal,
  });
  return encrypt === undefined ? facts : encryptCopy(work, facts, encrypt, report);
}

/** The archive of the copy, read back and in its place. */
async function packCopy(
  { out, report, signal, index, background }: CreateOptions,
  kernel: Kernel,
  snapshot: string,
  facts: StoreFacts,
  part: string,
): Promise<Created> {
  if (background) kernel.stepBack();
  const file = await hashed(snapshot, report);
  const metadata = describe(facts, file, await index(), systemClock.now());
  const progress = (done: number, total: number) => report("writing the archive", done, total);
  if (typeof out !== "string") {
    const pipe = new PipeSink(out);
    await writeArchive(pipe, metadata, snapshot, progress, signal);
    return { path: "", bytes: pipe.bytes + SEAL_BYTES, metadata };
  }
  await writeFileArchive(new FileSink(part, kernel), metadata, snapshot, progress, signal);
  uncache(part, kernel);
  await verifyArchive(part, report);
  signal?.throwIfAborted();
  publish(part, out);
  return { path: out, bytes: statSync(out).size, metadata };
}

/** @throws Fault usage when it is encrypted already; forbidden when the key is not at hand */
function encryptCopy(dir: string, { keyId }: StoreFacts, to: string, report: Report): StoreFacts {
  if (keyId !== null) {
    throw new Fault(
      "usage",
      `the store is encrypted by the key "${keyId}", and so is its backup; leave --encrypt out`,
    );
  }
  rekeyStore(dir, to, { onProgress: (done, total) => report("encrypting the copy", done, total) });
  return storeFacts(layout(dir));
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

function uncache(path: string, kernel: Kernel): void {
  const fd = openSync(path, "r");
  kernel.uncache(fd);
  closeSync(fd);
}

async function writeFileArchive(
  sink: FileSink,
  metadata: Metadata,
  snapshot: string,
  progress: (done: number, total: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await writeArchive(sink, metadata, snapshot, progress, signal);
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
    if (fresh) removeWork(out);
    throw fileFault("write", out, cause);
  }
}
