import { LIMITS } from "../base/mod.ts";
import { type DocRow, EvidenceReader, type StoreReader, token } from "../storage/mod.ts";
import { contextOf, withNeighbours } from "./context.ts";
import { cuesOf } from "./cues.ts";
import { LexicalSearch } from "./lexical.ts";
import type { Query } from "./query.ts";
import type { Scope } from "./scope.ts";
import { Supersession, standingOf } from "./standing.ts";
import { byRank, type Ranked, type RecallOptions, type Semantic, type Signals, scored } from "./types.ts";
import { WEIGHTS } from "./weights.ts";

/** What the ranking works with. */
export interface Ranking {
  reader: StoreReader;
  scope: Scope;
  query: Query;
  semantic: Semantic | undefined;
  /** Time from which age counts. */
  newest: number;
  checkDeadline: () => void;
  mark: RecallOptions["mark"];
  /** Every word is looked up in every candidate, so that `coverage` is exact. */
  every: boolean;
}

/** The candidates with what is known of each. */
export interface RankedCandidates {
  /** Best first. */
  ranked: Ranked[];
  /** Share of the question's content words that a candidate holds. */
  coverage(seq: number): number;
}

/**
 * The candidates of a question, best first: the best of the words and of the vectors, their neighbours in the
 * thread, and what supersedes them. @throws what `checkDeadline` throws
 */
export function rank(ranking: Ranking): RankedCandidates {
  const { reader, scope, query, semantic, checkDeadline } = ranking;
  const lexical = new LexicalSearch(reader, scope, query.words, checkDeadline);
  lexical.run();
  ranking.mark?.("lexical");
  const near = semantic?.best.slice(0, LIMITS.askCandidates) ?? [];
  const wordsOf = (seq: number): number => lexical.hits.score(seq, scope.doc(seq)!.len);
  const best = lexical
    .finalists()
    .map((seq): [number, number] => [seq, wordsOf(seq)])
    .sort((a, b) => b[1] - a[1] || b[0] - a[0]);
  const seeds = [...best.slice(0, LIMITS.askCandidates).map(([seq]) => seq), ...near.map(({ seq }) => seq)];

  const candidates = withNeighbours(scope, seeds, 2);
  const evidence = new EvidenceReader(reader.db, scope.world.id);
  const supersession = new Supersession(scope, evidence, candidates);
  // the outermost neighbours lend, and are no candidates themselves
  lexical.complete([...withNeighbours(scope, candidates, 1)], ranking.every);
  checkDeadline();
  const docs = [...candidates].filter((seq) => scope.accepts(seq)).map((seq) => scope.doc(seq)!);

  const bestWords = Math.max(...docs.map((doc) => wordsOf(doc.seq)), Number.MIN_VALUE);
  const bestCosine = Math.max(near[0]?.cosine ?? 0, Number.MIN_VALUE);
  // words that not even the best atom holds are no evidence for it
  const strength = Math.min(1, bestWords / (WEIGHTS.coverage * Math.max(query.wanted, Number.MIN_VALUE)));
  const lexicalOf = remembered((seq) => strength * Math.min(1, wordsOf(seq) / bestWords));
  const semanticOf = remembered((seq) => {
    const share = Math.min(1, Math.max(0, semantic?.cosine(seq) ?? 0) / bestCosine);
    return WEIGHTS.semantic * share ** WEIGHTS.semanticPower;
  });
  const base = remembered((seq) =>
    scope.known(seq) && scope.visible(seq) ? lexicalOf(seq) + semanticOf(seq) : 0,
  );
  const context = contextOf(scope, docs, base);
  const authored = authoredOf(ranking, docs);
  const ranked = docs.map((doc) =>
    scored(doc.seq, {
      lexical: lexicalOf(doc.seq),
      semantic: semanticOf(doc.seq),
      context: context.get(doc.seq)!,
      author: authored.has(doc.seq) ? WEIGHTS.author : 0,
      ...cuesOf(query, doc, ranking.newest),
      ...standingOf(evidence, doc),
    } satisfies Signals),
  );
  supersession.apply(ranked);
  const asked = Math.max(1, query.question.terms.length);
  return { ranked: ranked.sort(byRank), coverage: (seq) => lexical.hits.held(seq) / asked };
}

/** Computes a value once for each atom: neighbours ask for it again and again, and a cosine is a look-up. */
function remembered(compute: (seq: number) => number): (seq: number) => number {
  const known = new Map<number, number>();
  return (seq) => {
    let value = known.get(seq);
    if (value === undefined) {
      value = compute(seq);
      known.set(seq, value);
    }
    return value;
  };
}

/** Atoms by an author that the question names; none when all are, since that tells nothing. */
function authoredOf({ reader, scope, query }: Ranking, docs: readonly DocRow[]): Set<number> {
  const seqs = docs.map((doc) => doc.seq);
  const authored = new Set<number>();
  for (const name of query.question.authors) {
    for (const seq of reader.among(token.author(scope.world.id, name), seqs)) authored.add(seq);
  }
  return authored.size === seqs.length ? new Set() : authored;
}
