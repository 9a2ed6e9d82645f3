import { invalid, LIMITS, parseTime } from "../base/mod.ts";
import { RESERVED } from "./types.ts";

/** Checks of single fields. Each takes the field's name for its sentence and throws Fault invalid_input. */

const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/;
/** RFC 3339 has years of four digits only; an offset could lead beyond them. */
const FIRST_MS = parseTime("0000-01-01T00:00:00Z")!;
const LAST_MS = parseTime("9999-12-31T23:59:59.999Z")!;

/** Short words for a value in an error message; long texts are never repeated. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value !== "string") return String(value);
  const short = value.length <= 40 ? value : `${value.slice(0, 39)}…`;
  return JSON.stringify(short.toWellFormed());
}

/** Kind of a value, for fields whose content must not be repeated. */
function kindOf(value: unknown): string {
  return typeof value === "string" ? "a string" : describe(value);
}

/**
 * `value` as an object that has no fields but `fields`.
 * @param what e.g. "an atom" or "filter"; @param prefix of the field names, e.g. "filter."
 */
export function record(
  value: unknown,
  what: string,
  fields: ReadonlySet<string>,
  prefix = "",
): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(`${what} must be an object, got ${kindOf(value)}`);
  }
  for (const key of Object.keys(value)) {
    if (!fields.has(key)) {
      throw invalid(
        `unknown field ${describe(prefix + key)}; the fields of ${what} are ${[...fields].join(", ")}`,
      );
    }
  }
  return value as Record<string, unknown>;
}

/** Whether `text` has at most `max` Unicode characters (code points, so that any emoji counts once). */
function fits(text: string, max: number): boolean {
  if (text.length <= max) return true;
  if (text.length > 2 * max) return false;
  let count = 0;
  for (const _ of text) count++;
  return count <= max;
}

/** A well-formed string of `min` to `max` characters. */
export function text(value: unknown, field: string, min: number, max: number): string {
  if (typeof value !== "string") {
    if (value === undefined || value === null) throw invalid(`${field} is missing; it must be a string`);
    throw invalid(`${field} must be a string, got ${describe(value)}`);
  }
  if (value.length < min) throw invalid(`${field} must not be empty; give ${min} to ${max} characters`);
  if (!fits(value, max)) throw invalid(`${field} must have at most ${max} characters; shorten it`);
  wellFormed(value, field);
  return value;
}

export function wellFormed(value: string, field: string): void {
  if (!value.isWellFormed()) {
    throw invalid(`${field} holds half of a surrogate pair, which is no Unicode text; send valid UTF-8`);
  }
}

/** A name: text without control characters. */
export function name(value: unknown, field: string, max: number): string {
  const checked = text(value, field, 1, max);
  if (CONTROLS.test(checked)) throw invalid(`${field} must not hold control characters; remove them`);
  return checked;
}

export function world(value: unknown, field = "world"): string {
  return name(value, field, LIMITS.worldChars);
}

/** A world that callers may write to. */
export function writableWorld(value: unknown): string {
  const checked = world(value);
  if (checked.startsWith(RESERVED)) {
    throw invalid(
      `world must not start with "${RESERVED}", which is reserved for the node; choose another name`,
    );
  }
  return checked;
}

export function worker(value: unknown, field = "worker"): string {
  return name(value, field, LIMITS.workerChars);
}

export function oneOfWords<T extends string>(value: unknown, field: string, words: readonly T[]): T {
  if (words.includes(value as T)) return value as T;
  throw invalid(`${field} must be one of ${words.join(", ")}, got ${describe(value)}`);
}

/** A finite number in [0, 1]; minus zero becomes zero. */
export function share(value: unknown, field: string): number {
  if (typeof value === "number" && value >= 0 && value <= 1) return value + 0;
  throw invalid(`${field} must be a number from 0 to 1, got ${describe(value)}`);
}

export function integer(value: unknown, field: string, min: number, max: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max)
    return value as number;
  throw invalid(`${field} must be a whole number from ${min} to ${max}, got ${describe(value)}`);
}

export function boolean(value: unknown, field: string): boolean {
  if (typeof value === "boolean") return value;
  throw invalid(`${field} must be true or false, got ${describe(value)}`);
}

/** An RFC 3339 time as ms since the epoch, in the years 0000 to 9999 of UTC. */
export function time(value: unknown, field: string): number {
  const ms = typeof value === "string" ? parseTime(value) : undefined;
  if (ms === undefined || ms < FIRST_MS || ms > LAST_MS) {
    throw invalid(`${field} must be an RFC 3339 time such as 2026-03-01T12:00:00Z, got ${describe(value)}`);
  }
  return ms;
}

/** A list of at most LIMITS.listItems, each checked by `item`. */
export function list<T>(value: unknown, field: string, item: (value: unknown, field: string) => T): T[] {
  const items = array(value, field, LIMITS.listItems);
  const out = new Array<T>(items.length);
  for (let i = 0; i < items.length; i++) out[i] = item(items[i], `${field}[${i}]`);
  return out;
}

export function array(value: unknown, field: string, max: number): unknown[] {
  if (!Array.isArray(value)) throw invalid(`${field} must be a list, got ${kindOf(value)}`);
  if (value.length > max) throw invalid(`${field} holds ${value.length} items; at most ${max} are allowed`);
  return value;
}

/** A label or flag. */
export function label(value: unknown, field: string): string {
  return text(value, field, 1, LIMITS.listItemChars);
}
