import { LIMITS } from "../base/mod.ts";
import { AnnGraphs, type AnnOptions, type AnnStatus, type Serving } from "./ann.ts";
import { Arena, SLAB_BYTES } from "./arena.ts";
import { shapeOf } from "./block.ts";
import { RowCache } from "./cache.ts";
import { cosineOf, type Query, queryOf } from "./query.ts";
import { byRank, Top } from "./top.ts";
import type { Hit, SearchOptions, SearchResult, VectorSource, WorldVectors } from "./types.ts";

export interface VectorIndexOptions {
  source: VectorSource;
  /** Components of a vector of this space, 1 to LIMITS.vectorDimensions. */
  dimension: number;
  /** Bytes of rows kept in memory; 0 = none, every scan streams them through 1 MiB. */
  cacheBytes: number;
  /** Absent: every search is exact. */
  ann?: AnnOptions;
}

/** How much of a graph is asked for and scored exactly; when a filter leaves too few of that, all rows are scanned. */
const CANDIDATES = [LIMITS.annCandidates, 4 * LIMITS.annCandidates] as const;
/** Equal vectors, and rows of a scan, that are offered at once. */
const GROUP = 256;
/** How many times over the best are taken before a filter is asked. */
const ASSUMED = 2;

/** Vectors of a space from which a graph serves unless it is set: where a scan takes about 10 ms. */
export function annFromRows(dimension: number): number {
  return Math.ceil(LIMITS.exactVectorBytes / shapeOf(dimension).stride);
}

/** Semantic search over the vectors of one space. Synchronous; belongs to one thread. */
export class VectorIndex {
  private readonly source: VectorSource;
  private readonly arena: Arena;
  private readonly cache: RowCache;
  private readonly graphs: AnnGraphs | undefined;
  private readonly stride: number;

  /** @throws Fault disk_full or storage_error when the directory for snapshots cannot be made */
  constructor(private readonly options: VectorIndexOptions) {
    const { source, dimension, ann } = options;
    const shape = shapeOf(dimension);
    const slabs = Math.floor(options.cacheBytes / SLAB_BYTES);
    this.source = source;
    this.stride = shape.stride;
    this.arena = new Arena(slabs + 1);
    this.cache = new RowCache(source, this.arena, shape, slabs);
    this.graphs = ann && new AnnGraphs(source, dimension, ann);
  }

  /** Rows that were left out since their length is not the space's. */
  get unreadable(): number {
    return this.cache.unreadable;
  }

  status(world: number): AnnStatus | undefined {
    return this.graphs?.status(world);
  }

  /** Forgets what is kept of a world, its snapshot included. */
  drop(world: number): void {
    this.cache.drop(world);
    this.graphs?.drop(world);
  }

  /** Resolves when nothing is read or built in the background. */
  async idle(): Promise<void> {
    await this.graphs?.idle();
  }

  /** Ends background work. */
  async close(): Promise<void> {
    await this.graphs?.close();
  }

  /**
   * The `k` nearest accepted atoms. A zero query is near to nothing.
   * @throws RangeError when the query's length is not the space's; what `checkDeadline` and the source throw
   */
  search(world: WorldVectors, vector: Int8Array, k: number, options: SearchOptions = {}): SearchResult {
    if (vector.length !== this.options.dimension) {
      throw new RangeError(`the query has ${vector.length} dimensions, the space ${this.options.dimension}`);
    }
    const query = queryOf(vector);
    const cosine = (seq: number): number => this.cosine(world, seq, query);
    if (query.inverse === 0) return { mode: "exact", hits: [], cosine };
    if (options.few)
      return { mode: "exact", hits: this.among(options.few, world, query, k, options), cosine };
    this.arena.setQuery(vector, this.stride);
    const serving = this.graphs?.serving(world);
    const near = serving && this.approximate(world, serving, query, k, options);
    if (near) return { mode: "ann", hits: near, cosine };
    return { mode: "exact", hits: this.exact(world, query, k, options, serving !== undefined), cosine };
  }

  private cosine(world: WorldVectors, seq: number, query: Query): number {
    return this.kept(world, seq, query) ?? cosineOf(query, this.source.get(world.id, seq));
  }

  /** Cosine of a row that is kept and was not removed. */
  private kept(world: WorldVectors, seq: number, query: Query): number | undefined {
    return this.cache.mayHoldRemoved(world) ? undefined : this.cache.cosine(world.id, seq, query);
  }

  /** The nearest of a few, each looked up. */
  private among(
    few: ReadonlySet<number>,
    world: WorldVectors,
    query: Query,
    k: number,
    { checkDeadline }: SearchOptions,
  ): Hit[] {
    const found: Hit[] = [];
    for (const seq of few) {
      if (found.length % GROUP === 0) checkDeadline?.();
      const cosine = this.kept(world, seq, query) ?? this.living(world.id, seq, query);
      if (cosine !== undefined) found.push({ seq, cosine });
    }
    return found.sort(byRank).slice(0, k);
  }

  private exact(
    world: WorldVectors,
    query: Query,
    k: number,
    options: SearchOptions,
    stream: boolean,
  ): Hit[] {
    const size = stream ? Number.POSITIVE_INFINITY : world.size;
    const judged = (): Top =>
      this.top(k, options, ({ seq }) => {
        return !this.cache.mayHoldRemoved(world) || this.living(world.id, seq, query) !== undefined;
      });
    // most filters pass most rows: the best are judged together, and every row only where too few of them pass
    const best = new Top(ASSUMED * k, () => true);
    this.scan(best, world, query, options, 0, size);
    const top = judged();
    top.offer(best.hits);
    if (top.full || !best.full) return top.hits;
    const rest = judged();
    this.scan(rest, world, query, options, 0, size);
    return rest.hits;
  }

  /** From the graph and the rows beyond it; undefined when a filter may have left out too much. */
  private approximate(
    world: WorldVectors,
    serving: Serving,
    query: Query,
    k: number,
    options: SearchOptions,
  ): Hit[] | undefined {
    const { graph, seal } = serving;
    for (const wanted of CANDIDATES) {
      // What was removed may be in the graph and in the kept tail: every hit is looked up, once.
      const own = new Map<number, number | undefined>();
      const living = (seq: number): number | undefined => {
        if (!own.has(seq)) own.set(seq, this.living(world.id, seq, query));
        return own.get(seq);
      };
      const top = this.top(k, options, ({ seq, cosine }) => living(seq) === cosine);
      const tail = this.scan(top, world, query, options, seal.lastSeq, LIMITS.annTailRows);
      if (wanted === CANDIDATES[0]) this.graphs!.refresh(world, serving, tail);
      const near = graph.search(query.vector, Math.max(1, Math.min(wanted, graph.size)));
      const floor = this.offerGroups(top, serving, near, living, options);
      if (near.length >= graph.size || (top.full && floor <= top.floor)) return top.hits;
    }
    return undefined;
  }

  /** A list for the best accepted; `confirm` is asked last. */
  private top(k: number, { accept, expect }: SearchOptions, confirm: (hit: Hit) => boolean): Top {
    return new Top(k, (hit) => (!accept || accept(hit.seq)) && confirm(hit), expect);
  }

  /** Cosine of a row that was not removed. */
  private living(world: number, seq: number, query: Query): number | undefined {
    const row = this.source.get(world, seq);
    return row && cosineOf(query, row);
  }

  /** Offers the rows after a sequence. Returns how many there were. */
  private scan(
    top: Top,
    world: WorldVectors,
    query: Query,
    options: SearchOptions,
    from: number,
    size: number,
  ): number {
    let rows = 0;
    for (const block of this.cache.pieces(world, from, size, options.checkDeadline ?? (() => {}))) {
      const dots = this.arena.dots(block.slab, block.count, this.stride);
      let { floor } = top;
      let better: Hit[] = [];
      for (let i = 0; i < block.count; i += 1) {
        const cosine = dots[i]! * block.inverse[i]! * query.inverse;
        if (cosine >= floor) better.push({ seq: block.seqs[i]!, cosine });
        if (better.length < GROUP) continue;
        top.offer(better);
        floor = top.floor;
        better = [];
      }
      top.offer(better);
      rows += block.count;
    }
    return rows;
  }

  /** Offers what the graph found, each with its equals. Returns the lowest cosine found. */
  private offerGroups(
    top: Top,
    { duplicates }: Serving,
    near: readonly number[],
    living: (seq: number) => number | undefined,
    options: SearchOptions,
  ): number {
    let least = Number.POSITIVE_INFINITY;
    for (const seq of near) {
      const cosine = firstOf(duplicates.groupOf(seq, GROUP), living);
      if (cosine === undefined) continue;
      least = Math.min(least, cosine);
      for (const equal of duplicates.groupOf(seq, GROUP)) {
        options.checkDeadline?.();
        if (!top.offer(equal.map((one) => ({ seq: one, cosine })))) break;
      }
    }
    return least;
  }
}

/** What `living` says of the newest of some equal atoms that was not removed. */
function firstOf(group: Iterable<number[]>, living: (seq: number) => number | undefined): number | undefined {
  for (const seqs of group) {
    for (const seq of seqs) {
      const cosine = living(seq);
      if (cosine !== undefined) return cosine;
    }
  }
  return undefined;
}
