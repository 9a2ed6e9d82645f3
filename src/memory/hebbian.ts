import { equalBytes, LIMITS } from "../base/mod.ts";
import {
  dropEdge,
  type EdgeRow,
  edgesBetween,
  fadedEdges,
  putEdge,
  type WriteContext,
} from "../storage/mod.ts";
import { CO_RETRIEVED } from "./types.ts";

/**
 * Ties between what is recalled together (Hebb 1949), with weights that cannot leave [0, 1]: strengthening takes a
 * share η of what is missing, weakening a share η of what is there.
 */

const DAY_MS = 86_400_000;
/** A tie that nobody used for so long is stale, and loses half of its weight in each half-life from then on. */
const STALE_MS = DAY_MS;
const HALF_LIFE_MS = 30 * DAY_MS;
/** A tie that grew by itself is dropped below this weight. */
const NEGLIGIBLE = 0.01;

/** w + η(1 − w). @param weight, @param rate 0 to 1 */
export function strengthened(weight: number, rate: number): number {
  return Math.min(1, weight + rate * (1 - weight));
}

/** w − ηw. @param weight, @param rate 0 to 1 */
export function weakened(weight: number, rate: number): number {
  return Math.max(0, weight - rate * weight);
}

/**
 * The weight of an edge now: what is stored holds until it is stale, and fades from then on. It is computed where it is
 * read, so that fading needs no writes and happens once however often it is looked at.
 */
export function weightNow(edge: Pick<EdgeRow, "weight" | "used_ms">, now: number): number {
  return edge.weight * 0.5 ** (Math.max(0, now - edge.used_ms - STALE_MS) / HALF_LIFE_MS);
}

/** Pairs of the first LIMITS.feedbackTies subjects; one named twice makes no pair with itself. */
function pairs(ids: readonly Uint8Array[]): [Uint8Array, Uint8Array][] {
  const few = ids.slice(0, LIMITS.feedbackTies);
  return few.flatMap((a, at) =>
    few
      .slice(at + 1)
      .filter((b) => !equalBytes(a, b))
      .map((b): [Uint8Array, Uint8Array] => [a, b]),
  );
}

/** What became of ties. */
export interface TieChange {
  count: number;
  /** Sum of the changes of weight. */
  delta: number;
}

/**
 * Strengthens whatever ties subjects that helped together, relations that somebody stated included; where there is
 * nothing, a tie of its own kind begins at 0. @throws Fault disk_full
 */
export function tieTogether(
  ctx: WriteContext,
  world: number,
  ids: readonly Uint8Array[],
  rate: number,
): TieChange {
  const now = ctx.clock.now();
  const change = { count: 0, delta: 0 };
  for (const [a, b] of pairs(ids)) {
    const there = edgesBetween(ctx.db, world, a, b);
    for (const edge of there.length > 0 ? there : [newTie(world, a, b, now)]) {
      const tied = reweighed(edge, (weight) => strengthened(weight, rate), now, change);
      putEdge(ctx, { ...tied, co: edge.co + 1 });
    }
  }
  return change;
}

/** An edge with another weight as of now; what that changes is added up. */
function reweighed(edge: EdgeRow, by: (weight: number) => number, now: number, change: TieChange): EdgeRow {
  const before = weightNow(edge, now);
  const weight = by(before);
  change.count += 1;
  change.delta += weight - before;
  return { ...edge, weight, used_ms: now };
}

function newTie(world: number, a: Uint8Array, b: Uint8Array, now: number): EdgeRow {
  const [source, target] = Buffer.compare(a, b) < 0 ? [a, b] : [b, a];
  return { world, source, target, type: CO_RETRIEVED, weight: 0, co: 0, created_ms: now, used_ms: now };
}

/** Weakens what ties subjects that did not help. @throws Fault disk_full */
export function loosen(
  ctx: WriteContext,
  world: number,
  ids: readonly Uint8Array[],
  rate: number,
): TieChange {
  const now = ctx.clock.now();
  const change = { count: 0, delta: 0 };
  for (const edge of pairs(ids).flatMap(([a, b]) => edgesBetween(ctx.db, world, a, b))) {
    const tied = reweighed(edge, (weight) => weakened(weight, rate), now, change);
    if (edge.type === CO_RETRIEVED && tied.weight < NEGLIGIBLE) dropEdge(ctx, edge);
    else putEdge(ctx, tied);
  }
  return change;
}

/**
 * Drops ties that grew by themselves and have faded to next to nothing; relations that somebody stated stay.
 * @returns how many went, at most `limit`; fewer means that there are no more
 */
export function pruneTies(ctx: WriteContext, world: number, limit: number): number {
  const faded = { world, type: CO_RETRIEVED, below: NEGLIGIBLE, halfLifeMs: HALF_LIFE_MS };
  const gone = fadedEdges(ctx.db, faded, ctx.clock.now() - STALE_MS, limit);
  for (const edge of gone) dropEdge(ctx, edge);
  return gone.length;
}
