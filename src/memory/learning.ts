import type { SubjectRow } from "../storage/mod.ts";
import type { Use } from "./activation.ts";
import { HELPED } from "./strength.ts";
import type { Outcome } from "./types.ts";

/**
 * Learning from feedback by three factors: how much a memory took part (eligibility), how far the reward was from
 * what was expected of it (surprise, Rescorla & Wagner 1972), and how much the outcome mattered.
 */

/** What a subject's row keeps of its feedback in `state`. */
export interface Learnt extends Use {
  /** Expected reward, 0 to 1. */
  value?: number;
  /** When it last lost stability by a recall in vain. */
  lostMs?: number;
}

/** What is expected of an episode before any feedback: what came of it then. */
const OUTCOME_VALUE: Record<Outcome, number> = { success: 0.75, partial: 0.6, neutral: 0.5, failure: 0.25 };

export function learntOf(subject: Pick<SubjectRow, "state">): Learnt {
  return subject.state === "" ? {} : JSON.parse(subject.state);
}

/** Expected reward of recalling an episode, 0 to 1. */
export function episodeValue(subject: Pick<SubjectRow, "state">, outcome: Outcome): number {
  return learntOf(subject).value ?? OUTCOME_VALUE[outcome];
}

/** Share of the surprise by which an expectation moves. */
const VALUE_RATE = 0.3;
/** Part of a change that happens without surprise, so that what proves itself again and again is kept longer too. */
const EXPECTED = 0.5;
/** Surprises smaller than this are noise. */
const NOTABLE = 0.1;

/** One memory's part in a feedback, all 0 to 1. */
export interface Part {
  reward: number;
  expected: number;
  /** How much of the question the memory speaks of. */
  eligibility: number;
  outcome: number;
}

export interface Lesson {
  /** Reward less expectation, −1 to 1. */
  surprise: number;
  /** Share of a change of strength that is taken, 0 to 1. */
  gate: number;
  /** The expectation from now on, 0 to 1. */
  value: number;
}

/**
 * gate = eligibility × (½ + ½ |surprise|) × (½ + ½ |2 · outcome − 1|); without the three factors every change is taken
 * whole. The expectation moves towards the reward by its share of the surprise, so that it stays within [0, 1].
 */
export function lesson({ reward, expected, eligibility, outcome }: Part, threeFactors: boolean): Lesson {
  const surprise = reward - expected;
  const value = expected + VALUE_RATE * (threeFactors ? eligibility : 1) * surprise;
  const mattering = 0.5 + 0.5 * Math.abs(2 * outcome - 1);
  const gate = threeFactors ? eligibility * (EXPECTED + (1 - EXPECTED) * Math.abs(surprise)) * mattering : 1;
  return { surprise, gate, value };
}

/** What a session has learnt, summed up over all feedback. */
export interface Totals {
  feedbacks: number;
  memories: number;
  strengthened: number;
  weakened: number;
  positive: number;
  negative: number;
  surprise: number;
  /** Sum of the squared surprises. */
  loss: number;
  gate: number;
  eligibility: number;
  ties: number;
  lastMs: number;
}

export const NO_TOTALS: Totals = {
  feedbacks: 0,
  memories: 0,
  strengthened: 0,
  weakened: 0,
  positive: 0,
  negative: 0,
  surprise: 0,
  loss: 0,
  gate: 0,
  eligibility: 0,
  ties: 0,
  lastMs: 0,
};

/** Sums up the lessons of one feedback. */
export function summedUp(lessons: readonly (Lesson & Part)[], ties: number, now: number): Totals {
  const sum = (of: (one: Lesson & Part) => number): number => lessons.reduce((a, one) => a + of(one), 0);
  const count = (of: (one: Lesson & Part) => boolean): number => lessons.filter(of).length;
  return {
    feedbacks: 1,
    memories: lessons.length,
    strengthened: count(({ reward }) => reward >= HELPED),
    weakened: count(({ reward }) => reward < HELPED),
    positive: count(({ surprise }) => surprise > NOTABLE),
    negative: count(({ surprise }) => surprise < -NOTABLE),
    surprise: sum(({ surprise }) => surprise),
    loss: sum(({ surprise }) => surprise ** 2),
    gate: sum(({ gate }) => gate),
    eligibility: sum(({ eligibility }) => eligibility),
    ties,
    lastMs: now,
  };
}

export function added(a: Totals, b: Totals): Totals {
  const sums = Object.keys(NO_TOTALS).map((name) => {
    const key = name as keyof Totals;
    return [key, key === "lastMs" ? Math.max(a[key], b[key]) : a[key] + b[key]];
  });
  return Object.fromEntries(sums);
}
