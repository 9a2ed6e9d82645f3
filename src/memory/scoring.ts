import type { SubjectRow } from "../storage/mod.ts";
import { retrievabilityOf } from "./strength.ts";
import type { MemorySettings, Outcome } from "./types.ts";

/** What an outcome is worth, 0 to 1. */
const OUTCOME_VALUE: Record<Outcome, number> = { success: 1, partial: 0.7, neutral: 0.5, failure: 0.2 };

/** What the ranker says of a candidate. */
export interface Relevance {
  /** Its hybrid score over the best one's, 0 to 1. */
  relevance: number;
  /** max(calibrated cosine, share of the question's words found), 0 to 1. */
  similarity: number;
}

/** A score with its weighted parts, which sum to it. */
export type Parts = { score: number } & Record<string, number>;

function summed(parts: Record<string, number>): Parts {
  return { score: Object.values(parts).reduce((sum, part) => sum + part, 0), ...parts };
}

/** How well a candidate fits: the ranker's order, and how near it is at all. */
function fit({ relevance, similarity }: Relevance): number {
  return 0.5 * relevance + 0.5 * similarity;
}

/** Semantic, recency (retrievability), outcome and importance, with the four configured weights. */
export function episodeScore(
  found: Relevance & { subject: SubjectRow; outcome: Outcome; importance: number },
  settings: MemorySettings,
  now: number,
): Parts {
  return summed({
    semantic: settings.semanticWeight * fit(found),
    recency: settings.recencyWeight * retrievabilityOf(found.subject, settings, now),
    outcome: settings.outcomeWeight * OUTCOME_VALUE[found.outcome],
    importance: settings.importanceWeight * found.importance,
  });
}

/** Shares of an entity's score: World Weaver's semantic memory weighs likeness before activation. */
const ENTITY = { semantic: 0.5, activation: 0.3, retrievability: 0.2 };
/** Decay d and noise scale of ACT-R's activation. */
const ACT_R = { decay: 0.5, scale: 1 };
const HOUR_MS = 3_600_000;

/**
 * ACT-R's base-level activation in the form for evenly spread accesses (Petrov 2006), ln(n / (1 − d)) − d · ln(L),
 * L being the lifetime in hours and n the accesses with its making, plus what spreads from the context; as a
 * probability by the logistic curve.
 */
export function activation(subject: SubjectRow, spread: number, now: number): number {
  const hours = Math.max(1, (now - subject.created_ms) / HOUR_MS);
  const base = Math.log((subject.accesses + 1) / (1 - ACT_R.decay)) - ACT_R.decay * Math.log(hours);
  return 1 / (1 + Math.exp(-(base + spread) / ACT_R.scale));
}

/** @param found.spread activation that came along edges from the other candidates, from 0 */
export function entityScore(
  found: Relevance & { subject: SubjectRow; spread: number },
  settings: MemorySettings,
  now: number,
): Parts {
  return summed({
    semantic: ENTITY.semantic * fit(found),
    activation: ENTITY.activation * activation(found.subject, found.spread, now),
    retrievability: ENTITY.retrievability * retrievabilityOf(found.subject, settings, now),
  });
}

/** World Weaver's shares for skills; experience is full from ten executions on. */
const SKILL = { semantic: 0.6, success: 0.3, experience: 0.1, executions: 10 };

export function skillScore(found: Relevance & { rate: number; executions: number }): Parts {
  return summed({
    semantic: SKILL.semantic * fit(found),
    success: SKILL.success * found.rate,
    experience: SKILL.experience * Math.min(1, found.executions / SKILL.executions),
  });
}
