import type { AtomRow } from "../storage/mod.ts";
import { atomText, authorTerms, FEATURE, features, indexTerms, sentences, words } from "../text/mod.ts";
import type { Query } from "./query.ts";

/** Atoms from which the answer is taken, best first. */
const ATOMS = 10;
const WHO = new Set(["who", "whom", "whose", "wer", "wen", "wem", "quién", "quien", "quiénes"]);
/** A capitalised word that does not begin the sentence. */
const NAME = /\P{P}\s+\p{Lu}[\p{L}'’-]+/u;

/**
 * The sentence of the best atoms that covers most of the question's words (an author whom it names counts as
 * covered by his own atoms), with one more point for the expected kind of answer: a time, a number, a name. On equal
 * coverage the better-ranked atom's; a sentence that asks only when none tells. Where no sentence covers a word, the
 * first of `meant` that tells. "" if nothing matches.
 * @param meant the best atom that has to do with the question for another reason than its words
 */
export function answerText(
  query: Query,
  text: string,
  best: readonly AtomRow[],
  meant: AtomRow | undefined,
): string {
  const { terms, authors, asks } = query.question;
  const asksName = words(text).some((word) => WHO.has(word));
  const wanted = new Set(terms);
  let found = { text: "", points: 0 };
  for (const row of best.slice(0, ATOMS)) {
    const said = atomText(row.payload, row.worker);
    const by = new Set(said.authors.flatMap(authorTerms));
    const authored = authors.filter((author) => by.has(author)).length;
    for (const sentence of sentences(said.text)) {
      const covered = new Set(indexTerms(sentence).filter((term) => wanted.has(term))).size;
      if (covered === 0) continue;
      const bits = features(sentence);
      const typed =
        (asks.time && (bits & FEATURE.time) !== 0) ||
        (asks.number && (bits & FEATURE.number) !== 0) ||
        (asksName && NAME.test(sentence));
      const asking = (bits & FEATURE.question) !== 0;
      // what asks stays below the one point of anything that tells
      const points = asking ? covered / (2 * terms.length) : covered + authored + (typed ? 1 : 0);
      if (points > found.points) found = { text: sentence, points };
    }
  }
  return found.text || firstTelling(meant);
}

function firstTelling(row: AtomRow | undefined): string {
  const said = row ? sentences(atomText(row.payload, row.worker).text) : [];
  return said.find((sentence) => (features(sentence) & FEATURE.question) === 0) ?? said[0] ?? "";
}
