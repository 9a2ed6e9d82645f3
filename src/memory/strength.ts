import type { SubjectRow } from "../storage/mod.ts";
import type { MemorySettings, Outcome } from "./types.ts";

const DAY_MS = 86_400_000;

/**
 * FSRS's forgetting curve: the probability that a memory of a stability is still recalled after a time,
 * R = (1 + F · t / S)^-½ with F = target⁻² − 1, so that R is the retention target when t = S (19/81 for 0.9).
 * @param stability days; @param elapsedMs since the last access, at least 0
 */
export function retrievability(stability: number, elapsedMs: number, target: number): number {
  const factor = target ** -2 - 1;
  return (1 + (factor * Math.max(0, elapsedMs)) / DAY_MS / stability) ** -0.5;
}

/** Retrievability of a thing now: its time counts from its last access, else from when it happened. */
export function retrievabilityOf(subject: SubjectRow, settings: MemorySettings, now: number): number {
  const since = Math.max(subject.accessed_ms, subject.ts_ms);
  return retrievability(subject.stability, now - since, settings.retentionTarget);
}

/** What an outcome makes of the default stability: successes are kept longer than failures. */
const OUTCOME_FACTOR: Record<Outcome, number> = { success: 1.5, partial: 1.1, neutral: 1, failure: 0.75 };

/** Days that a new episode is stable for: the default, longer for what succeeded and for what is important. */
export function initialStability(
  settings: MemorySettings,
  { importance, outcome }: { importance: number; outcome: Outcome },
): number {
  return settings.defaultStability * (0.5 + importance) * OUTCOME_FACTOR[outcome];
}
