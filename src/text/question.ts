import { isStopWord } from "./stop.ts";
import { stem } from "./terms.ts";
import { plainTerm, words } from "./words.ts";

/** What kind of answer a question expects. */
export interface Asks {
  /** When, how long, on which day. */
  time: boolean;
  /** How many, often, old, far, much. */
  number: boolean;
}

/** A question as the ranker takes it. */
export interface Question {
  /** Content words as they stand, one for each of `terms`. */
  words: string[];
  /** Their index terms, distinct. */
  terms: string[];
  /** Index terms of authors that the question names. */
  authors: string[];
  asks: Asks;
}

/** "When" behind one of these is a conjunction: "What did she say when it rained?" */
const INTERROGATIVES = new Set(["who", "whom", "whose", "what", "which", "why", "where", "how"]);
const TIME = [
  "how long",
  ...["what", "which"].flatMap((w) => ["date", "day", "month", "year", "time"].map((unit) => `${w} ${unit}`)),
  ...["wann", "wie lange", "cuándo", "cuánto tiempo"],
];
const NUMBER = [
  ...["many", "often", "old", "far", "much"].map((what) => `how ${what}`),
  ...["wie viel", "wie viele", "wieviel", "wieviele", "wie oft", "wie alt", "wie weit"],
  ...["cuánto", "cuánta", "cuántos", "cuántas"],
];

/**
 * Content words of a question: its words minus the stop list minus names of authors, which `isAuthor` knows by
 * their index term. If nothing is left, the words that are not on the stop list; if there are none either, all.
 */
export function analyseQuestion(question: string, isAuthor: (term: string) => boolean): Question {
  const all = words(question);
  const telling = [...new Set(all)].filter((word) => !isStopWord(word));
  const named = new Set(telling.filter((word) => isAuthor(plainTerm(word))));
  const content = telling.filter((word) => !named.has(word));
  const kept = content.length > 0 ? content : telling.length > 0 ? telling : all;
  const byTerm = new Map<string, string>();
  for (const word of kept) if (!byTerm.has(stem(word))) byTerm.set(stem(word), word);
  return {
    words: [...byTerm.values()],
    terms: [...byTerm.keys()],
    authors: [...named].map(plainTerm),
    asks: asks(all),
  };
}

function asks(all: string[]): Asks {
  const spaced = ` ${all.join(" ")} `;
  const has = (phrase: string): boolean => spaced.includes(` ${phrase} `);
  const first = all.find((word) => word === "when" || INTERROGATIVES.has(word));
  return { time: first === "when" || TIME.some(has), number: NUMBER.some(has) };
}
