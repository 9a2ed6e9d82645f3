import { atomText, authorTerms, features, termsOf, words } from "../text/mod.ts";
import { type AtomRow, listOf } from "./rows.ts";
import { hash52 } from "./sums.ts";

/**
 * Forms of a token in the text index: the world's number and the sort stand before the word, so that no world
 * touches another's statistics and labels, flags and authors need no tables of their own.
 */
export const token = {
  word: (world: number, stem: string): string => `w${world}_${stem}`,
  author: (world: number, name: string): string => `a${world}_${name}`,
  label: (world: number, label: string): string => `l${world}_${hash52(label).toString(36)}`,
  flag: (world: number, flag: string): string => `f${world}_${hash52(flag).toString(36)}`,
};

export interface IndexedText {
  /** Space-separated tokens, exactly as given to FTS5 (its 'delete' needs the same again). */
  tokens: string;
  /** Number of words: the length that bm25 counts. */
  length: number;
  /** FEATURE bits of the text. */
  features: number;
  /** What is embedded. */
  meaning: string;
}

/** What the text index needs of an atom; a pure function of the row and the frozen tokeniser. */
export function indexedText(
  row: Pick<AtomRow, "world" | "payload" | "worker" | "labels" | "flags">,
): IndexedText {
  const { text, meaning, authors } = atomText(row.payload, row.worker);
  const split = words(text);
  const bits = features(text, split);
  const out: string[] = [];
  for (const word of termsOf(split)) out.push(token.word(row.world, word));
  for (const author of authors)
    for (const name of authorTerms(author)) out.push(token.author(row.world, name));
  for (const label of listOf(row.labels)) out.push(token.label(row.world, label));
  for (const flag of listOf(row.flags)) out.push(token.flag(row.world, flag));
  return { tokens: out.join(" "), length: split.length, features: bits, meaning };
}
