import { type AtomText, authorTerms, indexTerms } from "../text/mod.ts";
import { listOf } from "./rows.ts";
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
}

/** The tokens of an atom; a pure function of the row and the frozen tokeniser. */
export function indexedText(
  world: number,
  text: AtomText,
  labels: string | null,
  flags: string | null,
): IndexedText {
  const words = indexTerms(text.text);
  const out: string[] = [];
  for (const word of words) out.push(token.word(world, word));
  for (const author of text.authors)
    for (const name of authorTerms(author)) out.push(token.author(world, name));
  for (const label of listOf(labels)) out.push(token.label(world, label));
  for (const flag of listOf(flags)) out.push(token.flag(world, flag));
  return { tokens: out.join(" "), length: words.length };
}
