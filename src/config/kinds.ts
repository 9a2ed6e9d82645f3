/** What a TOML value of a setting may be. */
export type Value = string | number | boolean | string[];

/** One setting: its default, what it accepts and what it is for. */
export interface Setting<T extends Value = Value> {
  readonly kind: "text" | "number" | "boolean" | "list";
  readonly fallback: T;
  readonly doc: string;
  /** Completes the sentence "… is not accepted; write …". */
  readonly accepts: string;
  /** The value as it is used, or undefined when it is not accepted. */
  read(value: unknown): T | undefined;
}

type Check = (text: string) => boolean;

export function text(
  fallback: string,
  doc: string,
  accepts = "a text",
  check: Check = () => true,
): Setting<string> {
  const read = (v: unknown) =>
    typeof v === "string" && !/[\0-\x1f\x7f]/.test(v) && check(v) ? v : undefined;
  return { kind: "text", fallback, doc, accepts, read };
}

/** One of a few words; `also` reads a word of the original as one of them. */
export function oneOf<const W extends readonly string[]>(
  words: W,
  fallback: W[number],
  doc: string,
  also: Readonly<Record<string, W[number]>> = {},
): Setting<W[number]> {
  const read = (v: unknown): W[number] | undefined => {
    if (typeof v !== "string") return undefined;
    return Object.hasOwn(also, v) ? also[v] : words.find((word) => word === v);
  };
  return { kind: "text", fallback, doc, accepts: `one of ${words.map((w) => `"${w}"`).join(", ")}`, read };
}

export interface Range {
  min: number;
  max: number;
  /** The bounds themselves are not accepted. */
  open?: boolean;
  /** Zero is accepted though it lies outside, and means this. */
  zero?: string;
}

function numeric(what: string, whole: boolean, fallback: number, range: Range, doc: string): Setting<number> {
  const { min, max, open = false, zero } = range;
  const within = (n: number) => (open ? n > min && n < max : n >= min && n <= max);
  const read = (v: unknown) => {
    if (typeof v !== "number" || !Number.isFinite(v) || (whole && !Number.isInteger(v))) return undefined;
    return within(v) || (zero !== undefined && v === 0) ? v : undefined;
  };
  const bounds = open ? `between ${min} and ${max}, both excluded` : `from ${min} to ${max}`;
  const accepts = `${what} ${bounds}${zero === undefined ? "" : `, or 0 (${zero})`}`;
  return { kind: "number", fallback, doc, accepts, read };
}

export function integer(fallback: number, range: Range, doc: string): Setting<number> {
  return numeric("a whole number", true, fallback, range, doc);
}

export function number(fallback: number, range: Range, doc: string): Setting<number> {
  return numeric("a number", false, fallback, range, doc);
}

export function boolean(fallback: boolean, doc: string): Setting<boolean> {
  const read = (v: unknown) => (typeof v === "boolean" ? v : undefined);
  return { kind: "boolean", fallback, doc, accepts: "true or false", read };
}

export function list(doc: string, items: string, check: Check): Setting<string[]> {
  const read = (v: unknown) => {
    if (!Array.isArray(v)) return undefined;
    return v.every((item): item is string => typeof item === "string" && check(item)) ? [...v] : undefined;
  };
  return { kind: "list", fallback: [], doc, accepts: `a list of ${items}`, read };
}

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  1: true,
  0: false,
  yes: true,
  no: false,
  on: true,
  off: false,
};

/** true, 1, yes, on and their opposites in any case; undefined for anything else. */
export function readBoolean(word: string): boolean | undefined {
  const key = word.trim().toLowerCase();
  return Object.hasOwn(BOOLEANS, key) ? BOOLEANS[key] : undefined;
}

/** Text of the environment or the command line as the TOML value that it stands for. Lists: commas, or JSON. */
export function fromText(kind: Setting["kind"], raw: string): unknown {
  const trimmed = raw.trim();
  switch (kind) {
    case "text":
      return raw;
    case "number":
      return NUMBER.test(trimmed) ? Number(trimmed) : raw;
    case "boolean":
      return readBoolean(trimmed) ?? raw;
    case "list":
      return trimmed.startsWith("[")
        ? jsonOr(trimmed)
        : trimmed.split(",").flatMap((item) => item.trim() || []);
  }
}

function jsonOr(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return raw; // not a list, so the setting refuses it with its own words
  }
}
