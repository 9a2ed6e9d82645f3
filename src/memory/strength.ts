import { FSRS, type FSRSAlgorithm, type Grade, Rating, S_MAX, S_MIN } from "ts-fsrs";
import type { SubjectChange, SubjectRow } from "../storage/mod.ts";
import type { MemorySettings, Outcome } from "./types.ts";

/**
 * How well a memory is held: FSRS-6 by ts-fsrs, with its published weights. Stabilities are days after which the
 * probability of recall is the retention target, so that FSRS's own (for 0.9) times its interval modifier.
 * Formulas: https://github.com/open-spaced-repetition/awesome-fsrs/wiki/The-Algorithm; see DESIGN.md.
 */

const DAY_MS = 86_400_000;

/** The algorithm per retention target; a node has one. */
const ALGORITHMS = new Map<number, FSRSAlgorithm>();

function algorithmFor(target: number): FSRSAlgorithm {
  let made = ALGORITHMS.get(target);
  if (!made) {
    // no learning steps: a review soon after another simply finds the memory still fresh
    made = new FSRS({ request_retention: target, enable_fuzz: false, enable_short_term: false });
    ALGORITHMS.set(target, made);
  }
  return made;
}

function bounded(stability: number): number {
  return Math.min(S_MAX, Math.max(S_MIN, stability));
}

/**
 * FSRS's forgetting curve R(t, S) = (1 + F · t / S)^−w₂₀: the probability that a memory of stability S is still
 * recalled after t. It falls with t, is 1 at once and the target at t = S.
 * @param stability days, over 0; @param elapsedMs since the last review, negative counts as 0
 * @param target probability that the stability is the time to, between 0 and 1
 */
export function retrievability(stability: number, elapsedMs: number, target: number): number {
  const fsrs = algorithmFor(target);
  const days = Math.max(0, elapsedMs) / DAY_MS;
  return fsrs.forgetting_curve(days, stability / fsrs.interval_modifier);
}

/** When a memory's forgetting began: at its last review, else when it happened. */
export function heldSince(subject: Pick<SubjectRow, "accessed_ms" | "ts_ms">): number {
  return Math.max(subject.accessed_ms, subject.ts_ms);
}

/** Retrievability of a thing now, 0 to 1. */
export function retrievabilityOf(subject: SubjectRow, settings: MemorySettings, now: number): number {
  return retrievability(subject.stability, now - heldSince(subject), settings.retentionTarget);
}

/** What an outcome makes of the default stability: successes are kept longer than failures. */
const OUTCOME_FACTOR: Record<Outcome, number> = { success: 1.5, partial: 1.1, neutral: 1, failure: 0.75 };

/**
 * Days that a new episode is stable for: the default for a neutral one of middling importance, half of it to one and
 * a half times it by importance, times 0.75 to 1.5 by outcome.
 */
export function initialStability(
  settings: MemorySettings,
  { importance, outcome }: { importance: number; outcome: Outcome },
): number {
  return bounded(settings.defaultStability * (0.5 + importance) * OUTCOME_FACTOR[outcome]);
}

/** From this reward on a memory helped; below, it was recalled in vain. */
export const HELPED = 0.5;

/** FSRS's grade of a reward. */
function gradeOf(reward: number): Grade {
  if (reward < HELPED) return Rating.Again;
  if (reward < 0.7) return Rating.Hard;
  return reward < 0.95 ? Rating.Good : Rating.Easy;
}

/** A memory recalled in vain was no lapse of its own: at most so much of FSRS's loss is taken. */
const VAIN = 0.25;

/**
 * What feedback makes of a memory's row. One that helped was reviewed: FSRS's stability after a success, the longer
 * the more of it had faded, and its forgetting begins anew. One that did not help loses some stability and no more.
 * @param reward 0 to 1; @param gate share of FSRS's change that is taken, 0 to 1
 */
export function review(
  subject: SubjectRow,
  { reward, gate }: { reward: number; gate: number },
  settings: MemorySettings,
  now: number,
): SubjectChange {
  const fsrs = algorithmFor(settings.retentionTarget);
  const modifier = fsrs.interval_modifier;
  const before = {
    stability: bounded(subject.stability / modifier),
    difficulty: subject.difficulty || fsrs.init_difficulty(Rating.Good),
  };
  const days = Math.max(0, now - heldSince(subject)) / DAY_MS;
  const after = fsrs.next_state(before, days, gradeOf(reward));
  const helped = reward >= HELPED;
  const share = Math.min(1, Math.max(0, gate)) * (helped ? 1 : VAIN);
  const mixed = (from: number, to: number): number => from + share * (to - from);
  const change: SubjectChange = {
    stability: bounded(mixed(subject.stability, after.stability * modifier)),
    difficulty: mixed(before.difficulty, after.difficulty),
  };
  if (!helped) return change;
  return {
    ...change,
    accesses: subject.accesses + 1,
    reviews: subject.reviews + 1,
    accessed_ms: Math.max(now, subject.accessed_ms),
  };
}
