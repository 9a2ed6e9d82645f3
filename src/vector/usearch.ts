import { loadAddon, type NativeIndex } from "./addon.ts";

/** Links of a node, breadth of the search when adding, and when asked; with 200 re-scored see DESIGN.md. */
const CONNECTIVITY = 16;
const EXPANSION_ADD = 64;
const EXPANSION_SEARCH = 256;

/** What makes a file of one build unreadable or useless to another. */
export const GRAPH_KIND = `usearch-2.26.2 cos i8 ${CONNECTIVITY} ${EXPANSION_ADD}`;

/** Proximity graph over int8 vectors by cosine. Not every bad file makes `load` throw: verify before. */
export class Graph {
  private readonly native: NativeIndex;

  /** @param lib where the addon lies; @throws Fault see `loadAddon` */
  constructor(dimension: number, lib: string) {
    const { CompiledIndex } = loadAddon(lib);
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
