import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock, MB } from "../../src/base/mod.ts";
import type { AnnOptions, VectorRow, VectorSource, WorldVectors } from "../../src/vector/mod.ts";

/** Vectors of worlds in memory, with the epoch kept as the storage does. */
export class MemoryVectors implements VectorSource {
  private readonly rows = new Map<number, Map<number, Uint8Array>>();
  private readonly order = new Map<number, number[]>();
  private readonly epochs = new Map<number, number>();
  private seq = 0;
  /** How many rows were handed out. */
  reads = 0;

  add(world: number, vector: ArrayLike<number>): number {
    this.seq += 1;
    if (!this.rows.has(world)) {
      this.rows.set(world, new Map());
      this.order.set(world, []);
    }
    this.rows.get(world)!.set(this.seq, new Uint8Array(Int8Array.from(vector).buffer));
    this.order.get(world)!.push(this.seq);
    return this.seq;
  }

  remove(world: number, seq: number): void {
    if (this.rows.get(world)?.delete(seq)) this.epochs.set(world, (this.epochs.get(world) ?? 0) + 1);
  }

  seqs(world: number): number[] {
    return [...(this.rows.get(world)?.keys() ?? [])];
  }

  state(world: number): WorldVectors {
    return {
      id: world,
      lastSeq: this.seq,
      epoch: this.epochs.get(world) ?? 0,
      size: this.rows.get(world)?.size ?? 0,
    };
  }

  scan(world: number, after: number, limit: number): VectorRow[] {
    const [rows, order] = [this.rows.get(world), this.order.get(world) ?? []];
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (order[middle]! <= after) low = middle + 1;
      else high = middle;
    }
    const out: VectorRow[] = [];
    for (let i = low; i < order.length && out.length < limit; i += 1) {
      const q = rows!.get(order[i]!);
      if (q) out.push({ seq: order[i]!, q });
    }
    this.reads += out.length;
    return out;
  }

  get(world: number, seq: number): Uint8Array | undefined {
    return this.rows.get(world)?.get(seq);
  }
}

/** A repeatable stream of numbers in [0, 1) (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Vectors as embeddings lie: around some centres, with most of the weight in the first components. */
export function clustered(count: number, dimension: number, seed: number): Int8Array[] {
  const next = random(seed);
  const gauss = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const weight = (i: number) => 1 / (1 + i / 24);
  const draw = () => Float32Array.from({ length: dimension }, (_, i) => gauss() * weight(i));
  const centres = Array.from({ length: 100 }, draw);
  return Array.from({ length: count }, () => {
    const [centre, noise] = [centres[Math.floor(next() * centres.length)]!, draw()];
    const sum = centre.map((c, i) => c + noise[i]!);
    const largest = sum.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    return Int8Array.from(sum, (v) => Math.round((v / largest) * 127));
  });
}

/** The nearest by the definition of the cosine, over everything. */
export function bruteForce(
  source: MemoryVectors,
  world: number,
  query: Int8Array,
  k: number,
  accept: (seq: number) => boolean = () => true,
): number[] {
  const length = (v: Int8Array) => Math.fround(1 / Math.sqrt(v.reduce((sum, x) => sum + x * x, 0)));
  const inverse = length(query);
  return source
    .seqs(world)
    .filter(accept)
    .map((seq) => {
      const v = new Int8Array(source.get(world, seq)!.buffer);
      const product = v.reduce((sum, x, i) => sum + x * query[i]!, 0);
      return { seq, cosine: product === 0 ? 0 : product * length(v) * inverse };
    })
    .sort((a, b) => b.cosine - a.cosine || b.seq - a.seq)
    .slice(0, k)
    .map(({ seq }) => seq);
}

export function scratch(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), "vector-"));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Graphs for every world of over 500 atoms. */
export function annOptions(dir: string, changes: Partial<AnnOptions> = {}): AnnOptions {
  return {
    dir,
    lib: join(dir, "lib"),
    space: 3,
    identity: "store, model",
    persist: true,
    fromRows: 500,
    bytes: 64 * MB,
    clock: new ManualClock(),
    log: () => {},
    ...changes,
  };
}

/** Mean part of the wanted that was found. */
export function overlaps(
  queries: readonly Int8Array[],
  ask: (query: Int8Array) => [found: number[], wanted: number[]],
): number {
  const parts = queries.map((query) => {
    const [found, wanted] = ask(query);
    return wanted.filter((seq) => found.includes(seq)).length / Math.max(1, wanted.length);
  });
  return parts.reduce((sum, part) => sum + part, 0) / parts.length;
}
