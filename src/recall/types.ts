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

export const NOTHING: Signals = Object.freeze(
  Object.fromEntries(SIGNALS.map((name) => [name, 0])) as Signals,
);

/** Scores are counted in whole ten-thousandths, so that an explanation sums to its score and ties are ties. */
export const SCALE = 10_000;

/** An atom with its score; all figures are whole numbers of 1 / SCALE. */
export interface Ranked {
  seq: number;
  score: number;
  signals: Signals;
}

export function scored(seq: number, signals: Signals): Ranked {
  const whole = { ...NOTHING };
  let score = 0;
  for (const name of SIGNALS) {
    whole[name] = Math.round(signals[name] * SCALE);
    score += whole[name];
  }
  return { seq, score, signals: whole };
}

/** Best first; of equals the newer in the log. */
export function byRank(a: Ranked, b: Ranked): number {
  return b.score - a.score || b.seq - a.seq;
}

/** The explanation of an atom's score. */
export function explained(id: string, { score, signals }: Ranked): Score {
  const told = { ...NOTHING };
  for (const name of SIGNALS) told[name] = signals[name] / SCALE;
  return { id, score: score / SCALE, ...told };
}

export interface SemanticQuery {
  world: WorldRow;
  question: Question;
  /** The question as asked, without the authors that it names: what is to be embedded. */
  text: string;
  /** Whether the filter lets an atom into the answer. */
  accept(seq: number): boolean;
  /** Reads together what `accept` is about to be asked for. */
  expect(seqs: readonly number[]): void;
  /** All that it lets into the answer, where it is known. */
  few: ReadonlySet<number> | undefined;
}

/** What the vectors say about a question. */
export interface Semantic {
  /** Whose vectors they are: cosines of different models mean different things. */
  model: string;
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
  /** A stage of the work is over: for a trace. */
  mark?: (stage: "semantic" | "lexical" | "rank") => void;
  /** Absent in a build without vectors. */
  semantic?: SemanticSearch;
}

/** The candidates of a question before any of them is read. */
export interface Candidates {
  world: WorldRow;
  /** Best first. */
  ranked: readonly Ranked[];
  /** Share of the question's content words that a candidate holds, 0 to 1. */
  coverage(seq: number): number;
  /** Cosine of a candidate to the question, 0 without vectors. */
  cosine(seq: number): number;
  /** Whether another atom took a candidate's place. */
  superseded(seq: number): boolean;
  /** Whose cosines they are; undefined without vectors. */
  model: string | undefined;
  warnings: string[];
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
