import { agnes } from "ml-hclust";
import { calibrated } from "../recall/mod.ts";
import { hash52 } from "../storage/mod.ts";
import { isStopWord, termsOf, words } from "../text/mod.ts";

/** What consolidation compares of an episode. */
export interface Trace {
  text: string;
  /**
   * Of the text alone: an atom's own vector has the context in it, and one shared tool makes any two sentences related.
   * Undefined where a provider would have to be waited for: then words are compared.
   */
  vector: Int8Array | undefined;
  terms: ReadonlySet<string>;
  /** Words that turn a sentence into another fact though hardly its vector: numbers and negations, in order. */
  particulars: string;
  /** Context and outcome within which two episodes can be one. */
  frame: string;
}

/** Cosine from which two texts are the same. */
const DUPLICATE = 0.95;
/** Mean calibrated likeness within a cluster: the middle of the scale, where paraphrases begin. */
const RELATED = 0.5;
/** Episodes that make a cluster: two may be a coincidence. */
export const CLUSTER = 3;
const NEGATIONS = new Set([
  "no",
  "not",
  "never",
  "without",
  "cannot",
  "dont",
  "doesnt",
  "didnt",
  "isnt",
  "wasnt",
  "wont",
]);

export function traceOf(text: string, frame: string, vector: Int8Array | undefined): Trace {
  const all = words(text);
  const particulars = all.filter((word) => /\p{N}/u.test(word) || NEGATIONS.has(word)).join(" ");
  const terms = new Set(termsOf(all.filter((word) => !isStopWord(word))));
  return { text, vector, terms, particulars, frame };
}

/** Cosine of the vectors, else of the sets of content words. */
export function cosine(a: Trace, b: Trace): number {
  if (!a.vector || !b.vector) {
    const shared = a.terms.intersection(b.terms).size;
    return shared === 0 ? 0 : shared / Math.sqrt(a.terms.size * b.terms.size);
  }
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.vector.length; i++) {
    const [x, y] = [a.vector[i]!, b.vector[i]!];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/** 0 to 1. @param model that made the vectors */
export function relatedness(a: Trace, b: Trace, model: string | undefined): number {
  const value = cosine(a, b);
  return a.vector && b.vector ? Math.min(1, calibrated(value, model)) : Math.max(0, value);
}

/**
 * Whether an episode says nothing that `kept` does not say: a cosine of .95, the same frame, numbers and negations, and
 * no content word of its own. The cosine alone would merge "copied onto the disk" and "copied onto the drive".
 */
export function isDuplicate(kept: Trace, other: Trace): boolean {
  return (
    kept.frame === other.frame &&
    kept.particulars === other.particulars &&
    other.terms.isSubsetOf(kept.terms) &&
    cosine(kept, other) >= DUPLICATE
  );
}

/** The same for traces of the same content words within the same frame, in whatever order; short, to be kept. */
export function signatureOf({ frame, particulars, terms }: Trace): string {
  return hash52(frame, particulars, ...[...terms].sort()).toString(36);
}

/**
 * Stars of duplicates: each trace joins the first one kept that it duplicates, so that what merges is like the kept
 * one itself and no chain drifts away from it. What stays has no duplicate left: another run finds nothing.
 * @returns groups of at least two indices, the kept one first
 */
export function duplicateGroups(traces: readonly Trace[]): number[][] {
  const groups: number[][] = [];
  traces.forEach((trace, at) => {
    const group = groups.find(([kept]) => isDuplicate(traces[kept!]!, trace));
    if (group) group.push(at);
    else groups.push([at]);
  });
  return groups.filter((group) => group.length > 1);
}

/**
 * Clusters by average linkage, cut where the mean likeness falls below one half.
 * @returns groups of at least three indices, each with its medoid first, then by likeness to it
 */
export function relatedGroups(traces: readonly Trace[], model: string | undefined): number[][] {
  if (traces.length < CLUSTER) return [];
  const distances = traces.map(() => new Array<number>(traces.length).fill(0));
  for (let i = 0; i < traces.length; i++) {
    for (let j = 0; j < i; j++) {
      const distance = 1 - relatedness(traces[i]!, traces[j]!, model);
      distances[i]![j] = distance;
      distances[j]![i] = distance;
    }
  }
  const tree = agnes(distances, { method: "average", isDistanceMatrix: true });
  return tree
    .cut(1 - RELATED)
    .map((cluster) => aroundMedoid(cluster.indices(), distances))
    .filter((group) => group.length >= CLUSTER);
}

function aroundMedoid(members: number[], distances: readonly number[][]): number[] {
  const total = (at: number): number => members.reduce((sum, other) => sum + distances[at]![other]!, 0);
  const medoid = members.reduce((best, at) => {
    const difference = total(at) - total(best);
    return difference < 0 || (difference === 0 && at < best) ? at : best;
  }, members[0]!);
  const from = distances[medoid]!;
  return members.toSorted(
    (a, b) => Number(b === medoid) - Number(a === medoid) || from[a]! - from[b]! || a - b,
  );
}
