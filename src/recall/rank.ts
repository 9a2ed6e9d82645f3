import { LIMITS } from "../base/mod.ts";
import { type DocRow, type StoreReader, token } from "../storage/mod.ts";
import { contextOf, neighboursOf } from "./context.ts";
import { cuesOf } from "./cues.ts";
import { lexicalScores } from "./lexical.ts";
import type { Query } from "./query.ts";
import type { Scope } from "./scope.ts";
import { type Semantic, SIGNALS, type Signals } from "./types.ts";
import { WEIGHTS } from "./weights.ts";

export interface Ranked {
  seq: number;
  score: number;
  signals: Signals;
}

/** Signals are rounded to this unit before they are added, so that an explanation sums exactly and ties are ties. */
const UNIT = 1e-4;

export function rounded(value: number): number {
  return Math.round(value / UNIT) / (1 / UNIT) + 0;
}

/** The candidates of a question, best first. @throws what `checkDeadline` throws */
export function rank(
  reader: StoreReader,
  scope: Scope,
  query: Query,
  semantic: Semantic | undefined,
  checkDeadline: () => void,
): Ranked[] {
  const lexical = lexicalScores(reader, scope, query, checkDeadline);
  const accepted = [...lexical].filter(([seq]) => scope.accepts(seq));
  accepted.sort((a, b) => b[1] - a[1] || b[0] - a[0]);
  checkDeadline();
  const bestLexical = accepted[0]?.[1] ?? 1;
  const bestCosine = semantic?.best[0]?.cosine ?? 1;
  const lexicalOf = (seq: number): number => Math.min(1, (lexical.get(seq) ?? 0) / bestLexical);
  const semanticOf = (seq: number): number =>
    WEIGHTS.semantic * Math.min(1, Math.max(0, semantic?.cosine(seq) ?? 0) / Math.max(1e-9, bestCosine));

  const seeds = new Set(accepted.slice(0, LIMITS.askCandidates).map(([seq]) => seq));
  for (const { seq } of semantic?.best.slice(0, LIMITS.askCandidates) ?? []) seeds.add(seq);
  const docs = withNeighbours(scope, seeds);
  checkDeadline();
  const context = contextOf(scope, docs, (seq) => (seq === 0 ? 0 : lexicalOf(seq) + semanticOf(seq)));
  const authors = authored(reader, scope, query, docs);
  const ranked = docs.map((doc): Ranked => {
    const signals: Signals = {
      lexical: lexicalOf(doc.seq),
      semantic: semanticOf(doc.seq),
      context: context.get(doc.seq)!,
      author: authors.has(doc.seq) ? WEIGHTS.author : 0,
      links: 0,
      trust: 0,
      ...cuesOf(query, doc, scope.world.newest_ms),
    };
    let score = 0;
    for (const name of SIGNALS) {
      signals[name] = rounded(signals[name]);
      score += signals[name];
    }
    return { seq: doc.seq, score: rounded(score), signals };
  });
  return ranked.sort((a, b) => b.score - a.score || b.seq - a.seq);
}

/** Thin rows of the accepted atoms among the seeds and their neighbours, by sequence. */
function withNeighbours(scope: Scope, seeds: Set<number>): DocRow[] {
  const all = new Set(seeds);
  for (const seq of seeds) {
    const doc = scope.doc(seq);
    if (doc) for (const near of Object.values(neighboursOf(scope, doc))) all.add(near);
  }
  all.delete(0);
  return [...all]
    .filter((seq) => scope.accepts(seq))
    .sort((a, b) => a - b)
    .map((seq) => scope.doc(seq)!);
}

/** Atoms by an author that the question names; none when all are, since that tells nothing. */
function authored(reader: StoreReader, scope: Scope, query: Query, docs: readonly DocRow[]): Set<number> {
  const named = new Set<number>();
  for (const name of query.question.authors) {
    for (const [seq] of reader.postings(token.author(scope.world.id, name))) named.add(seq);
  }
  return docs.every((doc) => named.has(doc.seq)) ? new Set() : named;
}
