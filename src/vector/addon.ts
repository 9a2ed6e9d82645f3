import { chmodSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { AtomicFile, ensureDir, equalBytes, errnoOf, Fault, isExecutable } from "../base/mod.ts";

/** The part of usearch 2.26.2's addon that is used. Rows are int8, flat. */
export interface NativeIndex {
  size(): number;
  add(keys: BigUint64Array, rows: Int8Array, threads: number): void;
  /** Keys, distances and, per query, how many of them were found. */
  search(query: Int8Array, k: number, threads: number): [BigUint64Array, Float32Array, BigUint64Array];
  save(path: string): void;
  load(path: string): void;
}
export interface Addon {
  version(): string;
  CompiledIndex: new (
    dimension: number,
    metric: string,
    scalar: string,
    connectivity: number,
    expansionAdd: number,
    expansionSearch: number,
    multi: boolean,
  ) => NativeIndex;
}

const NAME = "usearch-2.26.2.node";

/**
 * The addon's file inside the executable, undefined when run from source. The build knows its processor and carries the
 * one file only; the package itself would look around in the file system, where an executable has nothing.
 */
function carriedPath(): string | undefined {
  if (!isExecutable()) return undefined;
  return process.arch === "arm64" ? require("./addon-arm64.ts").default : require("./addon-x64.ts").default;
}

function packagePath(): string {
  return join(import.meta.dir, `../../node_modules/usearch/prebuilds/linux-${process.arch}/usearch.node`);
}

/**
 * Lays a library where it can be loaded from: a directory that nobody else may enter. A file that is there already
 * counts only when its every byte is right. (The runtime would use $TMPDIR, and load whatever of the right size lies
 * there.)
 * @returns the file's path
 * @throws Fault disk_full or storage_error
 */
export function layDown(bytes: Uint8Array, dir: string, log: (message: string) => void): string {
  const path = join(dir, NAME);
  ensureDir(dir, 0o700);
  const { uid, mode } = statSync(dir);
  if (uid !== process.geteuid!()) {
    throw new Fault("storage_error", `${dir} belongs to another user; remove it`);
  }
  if ((mode & 0o777) !== 0o700) chmodSync(dir, 0o700);
  const there = bytesOf(path);
  if (there && equalBytes(there, bytes)) return path;
  if (there) log(`${path} is not the library that this program carries; it was not loaded, and is replaced`);
  const file = new AtomicFile(path, 0o700);
  file.write(bytes);
  file.commit();
  return path;
}

function bytesOf(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return undefined;
    throw cause;
  }
}

let loaded: Addon | undefined;

/**
 * The addon, loaded once a thread.
 * @param dir where an executable may lay it down
 * @throws Fault storage_error when it cannot be loaded (old C library, file system without exec)
 */
export function loadAddon(dir: string, log: (message: string) => void = () => {}): Addon {
  if (loaded) return loaded;
  try {
    const carried = carriedPath();
    const path = carried === undefined ? packagePath() : layDown(readFileSync(carried), dir, log);
    const module = { exports: {} };
    process.dlopen(module, path);
    loaded = module.exports as Addon;
    return loaded;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Fault(
      "storage_error",
      `the vector index library cannot be loaded, large worlds are scanned instead: ${why}`,
      { cause },
    );
  }
}
