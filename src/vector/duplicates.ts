/**
 * A proximity graph breaks when it holds many equal vectors: their links go to each other only, and the rest is not
 * found any more. So of equal vectors one stands in the graph, and the others are listed here.
 */
export class Duplicates {
  /** @param pairs sequence in the graph, sequence of an equal vector; in ascending order of both */
  constructor(readonly pairs: Float64Array) {}

  get count(): number {
    return this.pairs.length / 2;
  }

  /** The sequences equal to one in the graph and itself, newest first, in pieces of at most `size`. */
  *groupOf(seq: number, size: number): Generator<number[]> {
    const first = this.firstOf(seq);
    let end = this.firstOf(seq + 1);
    while (end - first >= size) {
      yield this.newest(first, end, size);
      end -= size;
    }
    yield [...this.newest(first, end, end - first), seq];
  }

  private newest(first: number, end: number, size: number): number[] {
    const out: number[] = [];
    for (let i = end - 1; i >= Math.max(first, end - size); i -= 1) out.push(this.pairs[2 * i + 1]!);
    return out;
  }

  /** Index of the first pair whose sequence in the graph is at least `seq`. */
  private firstOf(seq: number): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.pairs[2 * middle]! < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const HASH_BITS = 52;

/** Finds equal vectors while rows pass by in ascending sequence. */
export class DuplicateFinder {
  private readonly first = new Map<number, number>();
  private readonly found: [kept: number, seq: number][] = [];
  private readonly seed = crypto.getRandomValues(new BigUint64Array(1))[0]!;

  /**
   * Whether no earlier row was equal. Judged by a hash with a seed of its own: a row that only hashes alike is listed
   * wrongly, and the search, which reads every hit's row, leaves it out.
   */
  isNew(seq: number, row: Int8Array): boolean {
    const hash = Number(BigInt.asUintN(HASH_BITS, Bun.hash.xxHash64(row, this.seed)));
    const kept = this.first.get(hash);
    if (kept === undefined) this.first.set(hash, seq);
    else this.found.push([kept, seq]);
    return kept === undefined;
  }

  duplicates(): Duplicates {
    return new Duplicates(Float64Array.from(this.found.sort((a, b) => a[0] - b[0] || a[1] - b[1]).flat()));
  }
}
