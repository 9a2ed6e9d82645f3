import type { SubjectRow } from "../storage/mod.ts";
import { activation } from "./activation.ts";
import { episodeValue, learntOf } from "./learning.ts";
import { retrievabilityOf } from "./strength.ts";
import type { MemorySettings, Outcome } from "./types.ts";

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

/**
 * Semantic, recency (retrievability), outcome (what recalling it has proved worth, at first what came of it) and
 * importance, with the four configured weights.
 */
export function episodeScore(
  found: Relevance & { subject: SubjectRow; outcome: Outcome; importance: number },
  settings: MemorySettings,
  now: number,
): Parts {
  return summed({
    semantic: settings.semanticWeight * fit(found),
    recency: settings.recencyWeight * retrievabilityOf(found.subject, settings, now),
    outcome: settings.outcomeWeight * episodeValue(found.subject, found.outcome),
    importance: settings.importanceWeight * found.importance,
  });
}

/** Shares of an entity's score: World Weaver's semantic memory weighs likeness before activation. */
const ENTITY = { semantic: 0.5, activation: 0.3, retrievability: 0.2 };
/** @param found.spread activation that came along edges from the other candidates, from 0 */
export function entityScore(
  found: Relevance & { subject: SubjectRow; spread: number },
  settings: MemorySettings,
  now: number,
): Parts {
  return summed({
    semantic: ENTITY.semantic * fit(found),
    activation: ENTITY.activation * activation(found.subject, learntOf(found.subject), found.spread, now),
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
