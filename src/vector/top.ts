import type { Hit } from "./types.ts";

/** Best first; of equal cosines the newer first. */
export function byRank(a: Hit, b: Hit): number {
  return b.cosine - a.cosine || b.seq - a.seq;
}

/**
 * The best `k` accepted of what is offered. `accept` may be dear: it is asked only for what would make it into the
 * list, and within one offer best first, so that the list fills with what stays in it.
 */
export class Top {
  /** In order of rank. */
  readonly hits: Hit[] = [];

  constructor(
    private readonly k: number,
    private readonly accept: (hit: Hit) => boolean,
    private readonly expect?: (seqs: readonly number[]) => void,
  ) {}

  get full(): boolean {
    return this.hits.length >= this.k;
  }

  /** The cosine below which nothing gets in any more. */
  get floor(): number {
    return this.full ? this.hits.at(-1)!.cosine : Number.NEGATIVE_INFINITY;
  }

  /** Returns whether what ranks below all of these could still get in. */
  offer(candidates: Hit[]): boolean {
    candidates.sort(byRank);
    this.expect?.(candidates.map(({ seq }) => seq));
    for (const hit of candidates) {
      if (this.full && byRank(hit, this.hits.at(-1)!) > 0) return false;
      if (this.accept(hit)) this.insert(hit);
    }
    return true;
  }

  private insert(hit: Hit): void {
    let at = this.hits.length;
    while (at > 0 && byRank(hit, this.hits[at - 1]!) < 0) at -= 1;
    this.hits.splice(at, 0, hit);
    if (this.hits.length > this.k) this.hits.pop();
  }
}
