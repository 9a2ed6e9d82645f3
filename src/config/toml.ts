import { parse, TomlError } from "smol-toml";
import { Fault, LIMITS } from "../base/mod.ts";
import type { Value } from "./kinds.ts";

/**
 * A value of a TOML text with its first and last line from 1. A table header is one too: its value is undefined, or
 * an empty list for the header of a list of tables.
 */
export interface Entry {
  key: string;
  value: unknown;
  line: number;
  end: number;
}

type Table = Record<string, unknown>;

/** Tables are plain objects with or without a prototype; dates have one of their own. */
function isTable(value: unknown): value is Table {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function dotted(path: readonly string[]): string {
  return path.map((part) => (/^[\w-]+$/.test(part) ? part : JSON.stringify(part))).join(".");
}

function* leaves(
  value: unknown,
  path: readonly string[],
): Generator<[path: readonly string[], value: unknown]> {
  if (!isTable(value)) yield [path, value];
  else for (const [key, inner] of Object.entries(value)) yield* leaves(inner, [...path, key]);
}

/** The path of a table header such as `[node.security]`, of which nothing else was parsed. */
function headerPath(table: Table): string[] {
  const [first] = Object.entries(table);
  if (first === undefined) return [];
  return isTable(first[1]) ? [first[0], ...headerPath(first[1])] : [first[0]];
}

/** Between statements: nothing, or a comment. */
const BLANK = /^\s*(#|$)/;

/**
 * The entries of a TOML text in order, with their lines.
 *
 * The parser gives no positions, so after the whole text has passed it, each statement is parsed again by itself:
 * a statement ends at the first line break up to which it parses, since no part of one is valid TOML.
 * @param name stands before the line in error messages.
 * @throws Fault usage with file and line when the text is not TOML.
 */
export function readToml(text: string, name: string): Entry[] {
  if (Buffer.byteLength(text) > LIMITS.configBytes) {
    throw new Fault(
      "usage",
      `${name} is larger than ${LIMITS.configBytes} bytes; that is not a configuration of dwbase`,
    );
  }
  const body = text.replace(/^\uFEFF/, "");
  parseWhole(body, name);
  const entries: Entry[] = [];
  let table: string[] = [];
  let pending = "";
  let line = 0;
  for (const [index, next] of body.split("\n").entries()) {
    if (pending === "") {
      if (BLANK.test(next)) continue;
      line = index + 1;
    }
    if (index + 1 - line >= LIMITS.configValueLines) throw tooLong(name, line);
    pending += `${next}\n`;
    const statement = tryParse(pending);
    if (statement === undefined) continue;
    const header = pending.trimStart().startsWith("[");
    const repeated = pending.trimStart().startsWith("[[");
    pending = "";
    if (header) {
      table = headerPath(statement);
      entries.push({ key: dotted(table), value: repeated ? [] : undefined, line, end: index + 1 });
      continue;
    }
    for (const [path, value] of leaves(statement, [])) {
      if (path.length > 0) entries.push({ key: dotted([...table, ...path]), value, line, end: index + 1 });
    }
  }
  return entries;
}

function tooLong(name: string, line: number): Fault {
  return new Fault(
    "usage",
    `${name}:${line}: this value has over ${LIMITS.configValueLines} lines; shorten it`,
  );
}

const OPTIONS = { maxDepth: LIMITS.depth } as const;

function tryParse(text: string): Table | undefined {
  try {
    return parse(text, OPTIONS);
  } catch {
    return undefined;
  }
}

function parseWhole(text: string, name: string): void {
  try {
    parse(text, OPTIONS);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const [what = ""] = cause.message.replace(/^Invalid TOML document: /, "").split("\n");
    throw new Fault("usage", `${name}:${cause.line}: this is not TOML: ${what} (column ${cause.column})`, {
      cause,
    });
  }
}

/** A value as TOML; also how values are shown to people. */
export function formatValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatValue).join(", ")}]`;
  if (value instanceof Date) return value.toISOString();
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/**
 * A TOML text with some of its values replaced and the rest, comments above them included, left as it is. Each key
 * must stand under its table header, as in the templates.
 * @throws Fault usage when a key is not set in the text.
 */
export function setValues(text: string, values: Readonly<Record<string, Value>>): string {
  const entries = readToml(text, "the template");
  const lines = text.split("\n");
  for (const [key, value] of Object.entries(values)) {
    const entry = entries.find((e) => e.key === key);
    if (!entry) throw new Fault("usage", `the template does not set ${key}; choose a key that it sets`);
    const name = key.slice(key.lastIndexOf(".") + 1);
    // As many lines as before, so that the other entries' lines still hold.
    const rest = Array<string>(entry.end - entry.line).fill("");
    lines.splice(entry.line - 1, rest.length + 1, `${name} = ${formatValue(value)}`, ...rest);
  }
  return lines.join("\n");
}
