import type { SubjectRow } from "../storage/mod.ts";

/**
 * How readily an entity comes to mind: ACT-R's base-level activation (Anderson & Schooler 1991), with what spreads to
 * it from the context, as the probability that it is above the threshold.
 */

/** d of the base level, s of the noise and τ, the activation at which recall is as likely as not. */
const ACT_R = { decay: 0.5, noise: 0.4, threshold: -1.5 };
const HOUR_MS = 3_600_000;
/** Times of accesses that are kept one by one; older ones are taken as evenly spread. */
const KEPT = 10;

/** What an entity's row keeps of its use in `state`. */
export interface Use {
  /** Times of the newest accesses, the newest first. */
  recent?: number[];
}

/** The newest access times after one more. */
export function accessed(recent: readonly number[] | undefined, now: number): number[] {
  return [now, ...(recent ?? [])].slice(0, KEPT);
}

/** Age in hours, at least a minute's: an access in this moment would be infinitely active. */
function age(ms: number, now: number): number {
  return Math.max(1 / 60, (now - ms) / HOUR_MS);
}

/**
 * B = ln Σ t^−d over the making and all accesses, ages t in hours: exact for the newest, for the others Petrov's
 * (2006) approximation (n − k) · (L^(1−d) − t_k^(1−d)) / ((1 − d) · (L − t_k)), L being the lifetime.
 */
export function baseLevel(
  subject: Pick<SubjectRow, "created_ms" | "accesses">,
  use: Use,
  now: number,
): number {
  const { decay } = ACT_R;
  const lifetime = age(subject.created_ms, now);
  const recent = (use.recent ?? []).map((ms) => age(ms, now));
  const exact = recent.reduce((sum, t) => sum + t ** -decay, lifetime ** -decay);
  const others = Math.max(0, subject.accesses - recent.length);
  const since = recent.at(-1) ?? age(now, now);
  const span = lifetime - since;
  const power = 1 - decay;
  const spread = span > 0 ? (lifetime ** power - since ** power) / (power * span) : lifetime ** -decay;
  return Math.log(exact + others * spread);
}

/** Probability of recall 1 / (1 + e^((τ − A) / s)) for A, the base level with what spreads to it from the context. */
export function activation(
  subject: Pick<SubjectRow, "created_ms" | "accesses">,
  use: Use,
  spread: number,
  now: number,
): number {
  const total = baseLevel(subject, use, now) + spread;
  return 1 / (1 + Math.exp((ACT_R.threshold - total) / ACT_R.noise));
}
