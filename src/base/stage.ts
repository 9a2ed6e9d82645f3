/** How much of a budget is used: each stage has acts of its own. */
export type Stage = "ok" | "tight" | "critical";

/** Shares of a budget at which its stages begin, and how far below that they are left again. */
export const TIGHT = 0.8;
export const CRITICAL = 0.95;
const HYSTERESIS = 0.05;

/** The stage of a use without history. */
export function stageOf(used: number, budget: number): Stage {
  if (used >= budget * CRITICAL) return "critical";
  return used >= budget * TIGHT ? "tight" : "ok";
}

/**
 * The stage of a use that was at `before`: a stage is entered at its share and left five points lower, so that a use
 * that swings around the mark does not switch its acts on and off. A budget of 0 is none: always ok.
 */
export function nextStage(before: Stage, used: number, budget: number): Stage {
  if (budget === 0) return "ok";
  const critical = before === "critical" ? CRITICAL - HYSTERESIS : CRITICAL;
  if (used >= budget * critical) return "critical";
  const tight = before === "ok" ? TIGHT : TIGHT - HYSTERESIS;
  return used >= budget * tight ? "tight" : "ok";
}
