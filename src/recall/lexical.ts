import { LIMITS } from "../base/mod.ts";
import type { StoreReader, WorldRow } from "../storage/mod.ts";
import type { QueryWord } from "./query.ts";
import type { Scope } from "./scope.ts";
import { WEIGHTS } from "./weights.ts";

/** bm25 of one word, times √idf. @param length the atom's length over the mean */
function wordScore(word: QueryWord, count: number, length: number): number {
  const { k1, b } = WEIGHTS;
  return (word.weight * count * (k1 + 1)) / (count + k1 * (1 - b + b * length));
}

/** Which atoms hold which words of a question, how often. */
export class Hits {
  private readonly counts: Map<number, number>[];
  /** Score at mean length, by sequence: orders the atoms before their lengths are known. */
  private readonly rough = new Map<number, number>();
  private readonly mean: number;

  constructor(
    private readonly words: readonly QueryWord[],
    world: WorldRow,
  ) {
    this.counts = words.map(() => new Map());
    this.mean = Math.max(1, world.tokens / Math.max(1, world.docs));
  }

  /** @param at index of the word */
  add(at: number, seq: number, count: number): void {
    const counts = this.counts[at]!;
    if (counts.has(seq)) return;
    counts.set(seq, count);
    this.rough.set(seq, (this.rough.get(seq) ?? 0) + wordScore(this.words[at]!, count, 1));
  }

  /** The `rank`-th best score at mean length, 0 when there are fewer. */
  floor(rank: number): number {
    if (this.rough.size < rank) return 0;
    const scores = Float64Array.from(this.rough.values()).sort();
    return scores[scores.length - rank]!;
  }

  /** Score of an atom at mean length. */
  roughly(seq: number): number {
    return this.rough.get(seq) ?? 0;
  }

  /** Sequences of at least a score at mean length, best first. */
  inOrder(least: number): number[] {
    return [...this.rough]
      .filter(([, score]) => score >= least)
      .sort((a, b) => b[1] - a[1] || b[0] - a[0])
      .map(([seq]) => seq);
  }

  /** How many of the words an atom holds, as far as they were looked up. */
  held(seq: number): number {
    return this.counts.reduce((held, counts) => held + (counts.has(seq) ? 1 : 0), 0);
  }

  /** @param length words of the atom */
  score(seq: number, length: number): number {
    let score = 0;
    this.counts.forEach((counts, at) => {
      const count = counts.get(seq);
      if (count !== undefined) score += wordScore(this.words[at]!, count, length / this.mean);
    });
    return score;
  }
}

/**
 * Finds the atoms that hold the question's words. The rarest words, up to LIMITS.askPostings postings together, are
 * read in full. Reading a common word in full would cost more than all else and tells little: it is scored, as
 * standing once, on the hits of rare words, and the newest atoms that hold it, alone and with other common words,
 * join them where that can matter.
 */
export class LexicalSearch {
  readonly hits: Hits;
  /** How many words, the rarest, are read in full. */
  private readonly full: number;
  /** The score below which nothing can become a finalist, as far as it is known: more hits only raise it. */
  private least = 0;

  constructor(
    private readonly reader: StoreReader,
    private readonly scope: Scope,
    private readonly words: readonly QueryWord[],
    private readonly checkDeadline: () => void,
  ) {
    this.hits = new Hits(words, scope.world);
    let full = 0;
    for (let room = LIMITS.askPostings; full < words.length; full++) {
      room -= words[full]!.frequency;
      if (room < 0) break;
    }
    this.full = full;
  }

  /** @throws what `checkDeadline` throws, between words */
  run(): void {
    this.words.slice(0, this.full).forEach((word, at) => {
      this.checkDeadline();
      for (const [seq, count] of this.reader.postings(word.token)) this.hits.add(at, seq, count);
    });
    const rare = this.tokens(0, this.full);
    for (let at = this.full; at < this.words.length; at++) {
      this.checkDeadline();
      const held = rare.length > 0 ? this.reader.holders(this.tokens(at), rare, LIMITS.askPostings) : [];
      for (const seq of held) this.hits.add(at, seq, 1);
    }
    const common = this.words.map((_, at) => at).slice(this.full);
    this.join(combinations(common));
    this.join(common.map((at) => [at]));
  }

  /** The best accepted atoms by score at mean length. */
  finalists(): number[] {
    if (this.scope.open) this.least = this.hits.floor(LIMITS.askFinalists);
    return this.scope.select(this.hits.inOrder(this.least), LIMITS.askFinalists);
  }

  /** Adds the newest holders of each group of common words, unless all its words together are too light. */
  private join(groups: readonly number[][]): void {
    const floor = this.floor();
    for (const group of groups) {
      if (group.reduce((sum, at) => sum + this.words[at]!.weight, 0) < floor) continue;
      this.checkDeadline();
      const tokens = group.map((at) => this.words[at]!.token);
      for (const seq of this.scope.newest(tokens, LIMITS.askCommonHits)) {
        for (const at of group) this.hits.add(at, seq, 1);
      }
    }
  }

  /** The score of the last finalist so far, 0 while there are too few. */
  private floor(): number {
    if (this.scope.open) return this.hits.floor(LIMITS.askFinalists);
    const finalists = this.finalists();
    if (finalists.length === LIMITS.askFinalists) this.least = this.hits.roughly(finalists.at(-1)!);
    return this.least;
  }

  /**
   * Scores common words on atoms that other words, or their neighbours, brought in, unless they weigh next to nothing.
   * @param every those too, where all of the words are to be counted
   */
  complete(seqs: readonly number[], every: boolean): void {
    const least = every ? 0 : WEIGHTS.negligible * this.words.reduce((sum, word) => sum + word.weight, 0);
    for (let at = this.full; at < this.words.length; at++) {
      if (this.words[at]!.weight < least) continue;
      this.checkDeadline();
      for (const seq of this.reader.among(this.words[at]!.token, seqs)) this.hits.add(at, seq, 1);
    }
  }

  private tokens(from: number, until = from + 1): string[] {
    return this.words.slice(from, until).map((word) => word.token);
  }
}

/** Groups of common words that say more together: all, and pairs of the three rarest. */
function combinations(common: readonly number[]): number[][] {
  const [a, b, c] = common as [number, number, number];
  if (common.length < 2) return [];
  return common.length === 2 ? [[a, b]] : [[...common], [a, b], [a, c], [b, c]];
}
