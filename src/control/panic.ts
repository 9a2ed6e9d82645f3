import { GATE } from "./cells.ts";

/** From harmless to worst; each stops what the one before stops. */
export const PANIC_LEVELS = ["NONE", "DEGRADED", "LIMITED", "CRITICAL", "TOTAL"] as const;
export type PanicLevel = (typeof PANIC_LEVELS)[number];

/** What a level stops, as bits of the gate. Health and control answer at every level. */
export const STOPPED_BY: Record<PanicLevel, number> = {
  NONE: 0,
  DEGRADED: GATE.background,
  LIMITED: GATE.background | GATE.writes,
  CRITICAL: GATE.background | GATE.writes | GATE.reads,
  TOTAL: GATE.background | GATE.writes | GATE.reads,
};

export function isWorse(level: PanicLevel, than: PanicLevel): boolean {
  return PANIC_LEVELS.indexOf(level) > PANIC_LEVELS.indexOf(than);
}

/** A change of the panic level. */
export interface PanicEvent {
  /** RFC 3339. */
  timestamp: string;
  level: PanicLevel;
  previous_level: PanicLevel;
  /** "" for a recovery. */
  reason: string;
  /** What raised it: an operator, a monitor, or "shutdown". */
  source: string;
  /** Name of the key. */
  actor: string;
}
