import { Fault } from "../base/mod.ts";

/** The part of usearch 2.26.2's addon that is used. Rows are int8, flat. */
interface NativeIndex {
  size(): number;
  add(keys: BigUint64Array, rows: Int8Array, threads: number): void;
  /** Keys, distances and, per query, how many of them were found. */
  search(query: Int8Array, k: number, threads: number): [BigUint64Array, Float32Array, BigUint64Array];
  save(path: string): void;
  load(path: string): void;
}
interface Addon {
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

/** Links of a node, breadth of the search when adding, and when asked; with 200 re-scored see DESIGN.md. */
const CONNECTIVITY = 16;
const EXPANSION_ADD = 64;
const EXPANSION_SEARCH = 256;

/** What makes a file of one build unreadable or useless to another. */
export const GRAPH_KIND = `usearch-2.26.2 cos i8 ${CONNECTIVITY} ${EXPANSION_ADD}`;

/**
 * Requires the addon by its path, since the package finds it by looking around in the file system, where an
 * executable has nothing. The build knows its processor and carries the one file only.
 */
function requireAddon(): Addon {
  return process.arch === "arm64"
    ? require("../../node_modules/usearch/prebuilds/linux-arm64/usearch.node")
    : require("../../node_modules/usearch/prebuilds/linux-x64/usearch.node");
}

/** @throws Fault storage_error when the addon cannot be loaded (old C library, noexec temporary directory) */
export function loadAddon(): void {
  try {
    requireAddon();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Fault("storage_error", `the vector index library cannot be loaded: ${why}`, { cause });
  }
}

/** Proximity graph over int8 vectors by cosine. Not every bad file makes `load` throw: verify before. */
export class Graph {
  private readonly native: NativeIndex;

  /** @throws whatever the system says when the addon cannot be loaded; see `loadAddon` */
  constructor(dimension: number) {
    const { CompiledIndex } = requireAddon();
    this.native = new CompiledIndex(
      dimension,
      "cos",
      "i8",
      CONNECTIVITY,
      EXPANSION_ADD,
      EXPANSION_SEARCH,
      false,
    );
  }

  get size(): number {
    return this.native.size();
  }

  /** @param rows the vectors of `seqs`, one after the other */
  add(seqs: readonly number[], rows: Int8Array): void {
    if (seqs.length > 0) this.native.add(BigUint64Array.from(seqs, BigInt), rows, 1);
  }

  /** About the nearest `k` sequences, nearest first. */
  search(query: Int8Array, k: number): number[] {
    const [keys, , counts] = this.native.search(query, k, 1);
    return Array.from(keys.subarray(0, Number(counts[0])), Number);
  }

  save(path: string): void {
    this.native.save(path);
  }

  load(path: string): void {
    this.native.load(path);
  }
}
