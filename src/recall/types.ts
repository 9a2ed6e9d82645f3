import type { AtomRow, WorldRow } from "../storage/mod.ts";
import type { Question } from "../text/mod.ts";

/** The parts of a score, in the order in which they are explained; what each means is in weights.ts. */
export const SIGNALS = [
  "lexical",
  "semantic",
  "context",
  "author",
  "time",
  "number",
  "form",
  "links",
  "importance",
  "trust",
  "recency",
] as const;
export type Signal = (typeof SIGNALS)[number];
export type Signals = Record<Signal, number>;

export interface SemanticQuery {
  world: WorldRow;
  question: Question;
  /** Whether the filter lets an atom into the answer. */
  accept(seq: number): boolean;
}

/** What the vectors say about a question. */
export interface Semantic {
  mode: "exact" | "ann";
  /** The nearest accepted atoms, best first; LIMITS.askCandidates are used. */
  best: readonly { seq: number; cosine: number }[];
  /** Cosine of any atom of the world, 0 for one that has no vector. */
  cosine(seq: number): number;
}

/** Searches the vectors, or says in a sentence why it cannot now. */
export type SemanticSearch = (query: SemanticQuery) => Semantic | { mode: "lexical"; why: string };

export interface RecallOptions {
  /** Wall clock, ms since the epoch: what "yesterday" in a question is counted from. */
  now: number;
  /** Called between words and steps. @throws Fault deadline_exceeded */
  checkDeadline: () => void;
  /** Absent in a build without vectors. */
  semantic?: SemanticSearch;
}

/** One supporting atom's score; the signals sum to it. */
export type Score = { id: string; score: number } & Signals;

export interface Recalled {
  world: string;
  /** The sentence that answers best, "" if nothing matches. */
  text: string;
  /** Verified rows, best first. */
  supporting: AtomRow[];
  warnings: string[];
  mode: "exact" | "ann" | "lexical";
  /** Aligned with `supporting`. */
  scores: Score[];
}
