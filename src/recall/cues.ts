import type { DocRow } from "../storage/mod.ts";
import { FEATURE, type TimeCues } from "../text/mod.ts";
import type { Query } from "./query.ts";
import type { Signals } from "./types.ts";
import { WEIGHTS } from "./weights.ts";

export const DAY = 86_400_000;

/** What a thin row alone says about an atom's fitness for a question. @param newest time from which age counts */
export function cuesOf(
  query: Query,
  doc: DocRow,
  newest: number,
): Pick<Signals, "time" | "number" | "form" | "importance" | "recency"> {
  const { asks } = query.question;
  const has = (feature: number): boolean => (doc.bits & feature) !== 0;
  return {
    time: nearness(query.cues, doc.ts_ms) + (asks.time && has(FEATURE.time) ? WEIGHTS.timeWord : 0),
    number: asks.number && has(FEATURE.number) ? WEIGHTS.number : 0,
    form:
      (has(FEATURE.firstPerson) ? WEIGHTS.firstPerson : 0) +
      WEIGHTS.length * Math.log(1 + doc.len) +
      (has(FEATURE.question) ? WEIGHTS.question : 0),
    importance: aroundMiddle(WEIGHTS.importance, doc.importance),
    recency: recencyOf(doc.ts_ms, newest),
  };
}

/** A value in [0, 1] as a shift in [−weight, weight]. */
export function aroundMiddle(weight: number, value: number): number {
  return weight * (2 * value - 1);
}

function recencyOf(ts: number, newest: number): number {
  return WEIGHTS.recency / (1 + Math.max(0, newest - ts) / DAY / WEIGHTS.recencyDays);
}

/** How well an atom's time fits the months and days that the question names. */
function nearness(cues: TimeCues, ts: number): number {
  let score = 0;
  if (cues.months.length > 0) {
    const at = new Date(ts);
    const month = at.getUTCMonth() + 1;
    const year = at.getUTCFullYear();
    const hit = cues.months.some((m) => (m.year ?? year) === year && (m.month ?? month) === month);
    if (hit) score += WEIGHTS.month;
  }
  if (cues.days.length > 0) {
    const days = Math.min(...cues.days.map((day) => Math.abs(ts - day))) / DAY;
    score += WEIGHTS.day * Math.exp(-days / WEIGHTS.dayDecay);
  }
  return score;
}
