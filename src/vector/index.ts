import { Arena, SLAB_BYTES } from "./arena.ts";
import { shapeOf } from "./block.ts";
import { RowCache } from "./cache.ts";
import { dot, inverseNorm, signed } from "./kernel.ts";
import { Top } from "./top.ts";
import type { Hit, SearchOptions, SearchResult, VectorSource, WorldVectors } from "./types.ts";

export interface VectorIndexOptions {
  source: VectorSource;
  /** Components of a vector of this space, 1 to LIMITS.vectorDimensions. */
  dimension: number;
  /** Bytes of rows kept in memory; 0 = none, every scan streams them through 1 MiB. */
  cacheBytes: number;
}

/** Semantic search over the vectors of one space. Synchronous; belongs to one thread. */
export class VectorIndex {
  private readonly arena: Arena;
  private readonly cache: RowCache;
  private readonly stride: number;

  constructor(private readonly options: VectorIndexOptions) {
    const shape = shapeOf(options.dimension);
    this.stride = shape.stride;
    const slabs = Math.floor(options.cacheBytes / SLAB_BYTES);
    this.arena = new Arena(slabs + 1);
    this.cache = new RowCache(options.source, this.arena, shape, slabs);
  }

  /** Rows that were left out since their length is not the space's. */
  get unreadable(): number {
    return this.cache.unreadable;
  }

  /** Forgets what is kept of a world. */
  drop(world: number): void {
    this.cache.drop(world);
  }

  /**
   * The `k` nearest accepted atoms. A zero query is near to nothing.
   * @throws RangeError when the query's length is not the space's; what `checkDeadline` and the source throw
   */
  search(world: WorldVectors, query: Int8Array, k: number, options: SearchOptions = {}): SearchResult {
    if (query.length !== this.options.dimension) {
      throw new RangeError(`the query has ${query.length} dimensions, the space ${this.options.dimension}`);
    }
    const inverse = inverseNorm(query);
    const hits = inverse === 0 ? [] : this.exact(world, query, inverse, k, options);
    return { mode: "exact", hits, cosine: (seq) => this.cosine(world, seq, query, inverse) };
  }

  /** Cosines are in [-1, 1] but for rounding. */
  private cosine(world: WorldVectors, seq: number, query: Int8Array, inverse: number): number {
    const kept = this.cache.mayHoldRemoved(world)
      ? undefined
      : this.cache.cosine(world.id, seq, query, inverse);
    if (kept !== undefined) return kept;
    const row = this.options.source.get(world.id, seq);
    if (row?.length !== query.length) return 0;
    const vector = signed(row);
    return dot(vector, 0, query) * inverseNorm(vector) * inverse;
  }

  private exact(
    world: WorldVectors,
    query: Int8Array,
    inverse: number,
    k: number,
    options: SearchOptions,
  ): Hit[] {
    const accept = options.accept ?? (() => true);
    const checkDeadline = options.checkDeadline ?? (() => {});
    const { source } = this.options;
    const top = new Top(k, (seq) => {
      if (!accept(seq)) return false;
      return !this.cache.mayHoldRemoved(world) || source.get(world.id, seq) !== undefined;
    });
    this.arena.setQuery(query, this.stride);
    for (const block of this.cache.pieces(world, 0, world.size, checkDeadline)) {
      const dots = this.arena.dots(block.slab, block.count, this.stride);
      const { floor } = top;
      const better: Hit[] = [];
      for (let i = 0; i < block.count; i += 1) {
        const cosine = dots[i]! * block.inverse[i]! * inverse;
        if (cosine >= floor) better.push({ seq: block.seqs[i]!, cosine });
      }
      top.offer(better);
    }
    return top.hits;
  }
}
