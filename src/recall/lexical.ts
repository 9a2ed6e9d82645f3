import type { StoreReader, WorldRow } from "../storage/mod.ts";
import type { Query, QueryWord } from "./query.ts";
import type { Scope } from "./scope.ts";
import { WEIGHTS } from "./weights.ts";

/** bm25 of one word, times √idf. @param length the atom's length over the mean */
export function wordScore(word: QueryWord, count: number, length: number): number {
  const { k1, b, idfPower } = WEIGHTS;
  const saturated = (count * (k1 + 1)) / (count + k1 * (1 - b + b * length));
  return word.idf ** (1 + idfPower) * saturated;
}

/**
 * The lexical score of every atom that holds a word of the question, by sequence.
 * @throws what `checkDeadline` throws, between words
 */
export function lexicalScores(
  reader: StoreReader,
  scope: Scope,
  query: Query,
  checkDeadline: () => void,
): Map<number, number> {
  const scores = new Map<number, number>();
  const mean = meanLength(scope.world);
  for (const word of query.words) {
    checkDeadline();
    for (const [seq, count] of reader.postings(word.token)) {
      const length = (scope.doc(seq)?.len ?? mean) / mean;
      scores.set(seq, (scores.get(seq) ?? 0) + wordScore(word, count, length));
    }
  }
  return scores;
}

function meanLength(world: WorldRow): number {
  return Math.max(1, world.tokens / Math.max(1, world.docs));
}
