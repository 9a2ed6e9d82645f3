import { DOC, type DocRow, type EvidenceReader } from "../storage/mod.ts";
import { aroundMiddle } from "./cues.ts";
import type { Scope } from "./scope.ts";
import type { Ranked, Signals } from "./types.ts";
import { WEIGHTS } from "./weights.ts";

/** Superseding atoms that join the candidates. */
const JOINING = 100;

/** What others make of an atom: votes of its links, trust in its worker. */
export function standingOf(evidence: EvidenceReader, doc: DocRow): Pick<Signals, "links" | "trust"> {
  const trust = aroundMiddle(WEIGHTS.trust, evidence.trustIn(doc));
  if ((doc.bits & DOC.held) === 0) return { links: 0, trust };
  const { confirms, contradicts } = evidence.of(doc.seq);
  const saturated = (votes: number): number => votes / (1 + votes);
  return {
    links: WEIGHTS.confirmed * saturated(confirms) + WEIGHTS.contradicted * saturated(contradicts),
    trust,
  };
}

/** Which atoms of the answer supersede which. */
export class Supersession {
  /** Superseders of an atom that the question may see. */
  private readonly newer = new Map<number, number[]>();
  private readonly older = new Map<number, number[]>();

  /** Follows the links from the candidates; what supersedes one joins them. */
  constructor(scope: Scope, evidence: EvidenceReader, candidates: Set<number>) {
    let room = JOINING;
    // a set grows while it is walked, so chains are followed to their end
    for (const seq of candidates) {
      if (((scope.doc(seq)?.bits ?? 0) & DOC.superseded) === 0) continue;
      for (const by of evidence.of(seq).superseders) {
        if (!scope.accepts(by) || (!candidates.has(by) && room-- <= 0)) continue;
        candidates.add(by);
        push(this.newer, seq, by);
        push(this.older, by, seq);
      }
    }
  }

  /**
   * Moves each score into place: what supersedes an atom inherits its score, since it was asked for in the words of
   * the old one, and the old one stays just below. The difference is told under `links`.
   */
  apply(ranked: readonly Ranked[]): void {
    if (this.newer.size === 0) return;
    const own = new Map(ranked.map((r) => [r.seq, r.score]));
    const score = (seq: number): number => own.get(seq) ?? 0;
    const raised = walker(
      (seq) => this.older.get(seq) ?? [],
      (seq, older) => Math.max(score(seq), ...older),
    );
    const settled = walker(
      (seq) => this.newer.get(seq) ?? [],
      (seq, newer) => Math.min(raised(seq), ...newer.map((value) => value - 1)),
    );
    for (const one of ranked) {
      const moved = settled(one.seq) - one.score;
      one.signals.links += moved;
      one.score += moved;
    }
  }
}

function push(map: Map<number, number[]>, key: number, value: number): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** A value per node from the values of the nodes it leads to; links in a circle are followed once. */
function walker(
  leadsTo: (seq: number) => number[],
  combine: (seq: number, values: number[]) => number,
): (seq: number) => number {
  const known = new Map<number, number>();
  const open = new Set<number>();
  const value = (seq: number): number => {
    const there = known.get(seq);
    if (there !== undefined) return there;
    open.add(seq);
    const values = leadsTo(seq)
      .filter((other) => !open.has(other))
      .map(value);
    open.delete(seq);
    const result = combine(seq, values);
    known.set(seq, result);
    return result;
  };
  return value;
}
