import { LIMITS, unprocessable } from "../base/mod.ts";
import { CIRCUIT_ACTIONS, type CircuitAction } from "./circuits.ts";
import type { FlagSetting } from "./flags.ts";
import { PANIC_LEVELS, type PanicLevel } from "./panic.ts";

/** Checks of the bodies of control. null means absent, unknown fields are passed over, what is wrong is 422. */

type Fields = Record<string, unknown>;

function fieldsOf(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw unprocessable("the body must be a JSON object");
}

function word<T extends string>(value: unknown, name: string, words: readonly T[]): T {
  const found = words.find((each) => each === value);
  if (found !== undefined) return found;
  throw unprocessable(`${name} must be one of ${words.join(", ")}`);
}

/** A line for people: no control characters, since it is shown on terminals, and no space at its ends. */
export const LINE =
  /^[^ \u0000-\u001f\u007f-\u009f]([^\u0000-\u001f\u007f-\u009f]*[^ \u0000-\u001f\u007f-\u009f])?$/;

function line(value: unknown, name: string, min: number, max: number): string {
  if (typeof value === "string" && value.isWellFormed() && LINE.test(value)) {
    const { length } = [...value];
    if (length >= min && length <= max) return value;
  }
  throw unprocessable(
    `${name} must be one line of ${min} to ${max} characters, without space at its ends and control characters`,
  );
}

const present = (value: unknown): boolean => value !== undefined && value !== null;

/** @throws Fault invalid_input (422) when nothing is set or a value is impossible */
export function checkFlagChange(value: unknown): Partial<FlagSetting> {
  const { enabled, rollout_percentage } = fieldsOf(value);
  const change: Partial<FlagSetting> = {};
  if (present(enabled)) {
    if (typeof enabled !== "boolean") throw unprocessable("enabled must be true or false");
    change.enabled = enabled;
  }
  if (present(rollout_percentage)) {
    const share = rollout_percentage;
    if (typeof share !== "number" || !(share >= 0 && share <= 100))
      throw unprocessable("rollout_percentage must be a number from 0 to 100");
    change.rollout_percentage = share;
  }
  if (Object.keys(change).length > 0) return change;
  throw unprocessable("set enabled (true or false) or rollout_percentage (0 to 100), or both");
}

export interface PanicRequest {
  level: PanicLevel;
  reason: string;
  source: string;
}

/** Who raises a panic when nobody says. */
const OPERATOR = "operator";

/** @throws Fault invalid_input (422) */
export function checkPanic(value: unknown): PanicRequest {
  const { level, reason, source } = fieldsOf(value);
  return {
    level: word(level, "level", PANIC_LEVELS.slice(1)),
    reason: line(reason, "reason", LIMITS.panicReasonMin, LIMITS.panicReasonChars),
    source: present(source) ? line(source, "source", 1, LIMITS.panicSourceChars) : OPERATOR,
  };
}

/** @throws Fault invalid_input (422) */
export function checkRecover(value: unknown): PanicLevel {
  return word(fieldsOf(value).level, "level", PANIC_LEVELS.slice(0, -1));
}

/** @throws Fault invalid_input (422) */
export function checkCircuitAction(value: unknown): CircuitAction {
  return word(fieldsOf(value).action, "action", CIRCUIT_ACTIONS);
}
