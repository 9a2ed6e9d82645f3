import { LIMITS } from "../base/mod.ts";
import { type StoreReader, token, type WorldRow } from "../storage/mod.ts";
import { analyseQuestion, authorTerms, type Question, type TimeCues, timeCues } from "../text/mod.ts";
import { WEIGHTS } from "./weights.ts";

/** A word of the question that the world knows. */
export interface QueryWord {
  token: string;
  /** Atoms that hold it. */
  frequency: number;
  /** idf · √idf: what bm25 multiplies the word's saturated count by. */
  weight: number;
}

/** A question against one world. */
export interface Query {
  question: Question;
  /** The question as asked, without the authors that it names. */
  plain: string;
  cues: TimeCues;
  /** Weight of all its words, those that the world does not know included. */
  wanted: number;
  /** Rarest first, at most LIMITS.queryWords. */
  words: QueryWord[];
  /** Words that the world knows but that were one too many. */
  dropped: number;
}

/** By the inverse document frequency ln(1 + (N − n + ½) / (n + ½)), as in Lucene: never negative. */
function weightOf(docs: number, frequency: number): number {
  const idf = Math.log(1 + Math.max(0, docs - frequency + 0.5) / (frequency + 0.5));
  return idf ** (1 + WEIGHTS.idfPower);
}

/** @throws what `checkDeadline` throws */
export function queryOf(
  reader: StoreReader,
  world: WorldRow,
  text: string,
  now: number,
  checkDeadline: () => void,
): Query {
  const question = analyseQuestion(text, (term) => {
    checkDeadline();
    return reader.holders([token.author(world.id, term)], [], 1).length > 0;
  });
  const known: QueryWord[] = [];
  let wanted = 0;
  for (const term of question.terms) {
    checkDeadline();
    const word = token.word(world.id, term);
    const frequency = reader.documentFrequency(word);
    const weight = weightOf(world.docs, frequency);
    wanted += weight;
    if (frequency > 0) known.push({ token: word, frequency, weight });
  }
  known.sort((a, b) => a.frequency - b.frequency);
  return {
    question,
    plain: withoutNames(text, new Set(question.authors)),
    cues: timeCues(text, now),
    wanted,
    words: known.slice(0, LIMITS.queryWords),
    dropped: Math.max(0, known.length - LIMITS.queryWords),
  };
}

/** Names of authors say who speaks, not of what: vectors find better without them. All of it if nothing else is left. */
function withoutNames(text: string, names: ReadonlySet<string>): string {
  if (names.size === 0) return text;
  const rest = text.replace(/[\p{L}\p{M}\p{N}'’]+/gu, (run) =>
    authorTerms(run).some((term) => names.has(term)) ? "" : run,
  );
  return /[\p{L}\p{N}]/u.test(rest) ? rest : text;
}
