import type { DocRow } from "../storage/mod.ts";
import type { Scope } from "./scope.ts";
import { WEIGHTS } from "./weights.ts";

/** Neighbours of an atom in its thread of conversation, 0 = none. */
interface Neighbours {
  previous: number;
  previous2: number;
  next: number;
  next2: number;
}

function neighboursOf(scope: Scope, doc: DocRow): Neighbours {
  return {
    previous: doc.prev,
    previous2: doc.prev === 0 ? 0 : (scope.known(doc.prev)?.prev ?? 0),
    next: doc.next,
    next2: doc.next === 0 ? 0 : (scope.known(doc.next)?.next ?? 0),
  };
}

/** Sequences of some atoms and their neighbours, `steps` to either side; the rows are read a step at a time. */
export function withNeighbours(scope: Scope, seqs: Iterable<number>, steps: number): Set<number> {
  const all = new Set(seqs);
  scope.load(all);
  let edge = [...all];
  for (let step = 0; step < steps; step++) {
    edge = edge.flatMap((seq) => {
      const doc = scope.doc(seq);
      return doc ? [doc.prev, doc.next].filter((near) => near !== 0 && !all.has(near)) : [];
    });
    for (const seq of edge) all.add(seq);
    scope.load(edge);
  }
  return all;
}

/**
 * What the conversation around them lends to atoms: parts of what their neighbours match, and of the best match in
 * their thread.
 * @param base lexical + semantic of an atom, 0 for sequence 0
 */
export function contextOf(
  scope: Scope,
  docs: readonly DocRow[],
  base: (seq: number) => number,
): Map<number, number> {
  const near = new Map<number, number>();
  const best = new Map<number, number>();
  for (const doc of docs) {
    const { previous, previous2, next, next2 } = neighboursOf(scope, doc);
    const lent =
      WEIGHTS.previous * base(previous) +
      WEIGHTS.next * base(next) +
      WEIGHTS.previous2 * base(previous2) +
      WEIGHTS.next2 * base(next2);
    near.set(doc.seq, lent);
    best.set(doc.thread, Math.max(best.get(doc.thread) ?? 0, base(doc.seq) + lent));
  }
  return new Map(
    docs.map((doc) => [doc.seq, near.get(doc.seq)! + WEIGHTS.threadBest * best.get(doc.thread)!]),
  );
}
