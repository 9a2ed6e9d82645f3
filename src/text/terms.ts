import { stemmer } from "stemmer";
import { LIMITS } from "../base/mod.ts";
import { plainTerm, words } from "./words.ts";

/** Version of everything that decides an index term. A change of any golden test's output is a new version. */
export const TEXT_VERSION = 1;

const ASCII_WORD = /^[a-z]+$/;
/** Two generations of known stems bound the memory: when the young one is full it becomes the old one. */
const GENERATION = 16_384;
let young = new Map<string, string>();
let old = new Map<string, string>();

/**
 * The index form of a word from `words`: porter stem of ASCII letters, "21p5" for 21.5, any other word as it is.
 */
export function stem(word: string): string {
  return young.get(word) ?? learn(word);
}

function learn(word: string): string {
  // Words are slices that keep their whole text in memory: what stays here is a copy.
  const key = Buffer.from(word).toString();
  const known = old.get(key) ?? plainTerm(ASCII_WORD.test(key) ? stemmer(key) : key);
  if (young.size >= GENERATION) {
    old = young;
    young = new Map();
  }
  young.set(key, known);
  return known;
}

/**
 * Terms of `text` in order, with repeats: at most LIMITS.atomTerms, each at most LIMITS.termChars long and made of
 * [a-z0-9] and characters beyond ASCII, so that FTS5's `ascii` tokenizer keeps each whole.
 */
export function indexTerms(text: string): string[] {
  return termsOf(words(text));
}

/** The index terms of `words`, which become them in place. */
export function termsOf(split: string[]): string[] {
  for (let i = 0; i < split.length; i++) split[i] = stem(split[i]!);
  return split;
}

/** Unstemmed index terms of an author's name, each once, at most LIMITS.authorTerms. */
export function authorTerms(author: string): string[] {
  return [...new Set(words(author).map(plainTerm))].slice(0, LIMITS.authorTerms);
}
