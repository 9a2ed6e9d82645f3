import { LIMITS } from "../base/mod.ts";

/** What an atom says and who says it. */
export interface AtomText {
  text: string;
  /** Values of the payload's author fields, then the worker; distinct, as given. */
  authors: string[];
}

const AUTHOR_KEYS = new Set(["speaker", "author", "user", "from", "role"]);

interface Node {
  value: unknown;
  /** Keys that lead here, as words; array positions are left out. */
  path: string;
  depth: number;
}

interface Leaves {
  strings: string[];
  /** Numbers, booleans and nulls with their path before them. */
  scalars: string[];
  /** Characters in `scalars`: a long key over many numbers must not multiply the payload. */
  size: number;
  authors: string[];
}

/**
 * Text and authors of an atom. String leaves of the payload that are not blank, in order, a line each; with none, numbers
 * and booleans after the words of their keys. String values of author fields (speaker, author, user, from, role, at
 * any depth) count as authors instead. A payload that is not JSON, or is nested deeper than LIMITS.depth, is taken
 * as it is. Never throws.
 */
export function atomText(payloadJson: string, worker: string): AtomText {
  const leaves = parse(payloadJson);
  if (!leaves) return { text: payloadJson, authors: [worker] };
  const lines = leaves.strings.length > 0 ? leaves.strings : leaves.scalars;
  const named = [...new Set(leaves.authors)].slice(0, LIMITS.atomAuthors - 1);
  return { text: lines.join("\n"), authors: [...new Set([...named, worker])] };
}

/** The leaves of a JSON text, or undefined when it cannot be read or is nested too deep. */
function parse(json: string): Leaves | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  return walk(value);
}

/** Depth first with a stack of its own: the nesting is the caller's. */
function walk(root: unknown): Leaves | undefined {
  const leaves: Leaves = { strings: [], scalars: [], size: 0, authors: [] };
  const stack: Node[] = [{ value: root, path: "", depth: 0 }];
  for (let node = stack.pop(); node; node = stack.pop()) {
    const { value, path, depth } = node;
    if (typeof value === "string") {
      if (value.trim() !== "") leaves.strings.push(value);
    } else if (value === null || typeof value !== "object") {
      pushScalar(path === "" ? String(value) : `${path} ${value}`, leaves);
    } else {
      if (depth === LIMITS.depth) return undefined;
      pushChildren(value, path, depth + 1, stack, leaves);
    }
  }
  return leaves;
}

function pushScalar(line: string, leaves: Leaves): void {
  leaves.size += line.length;
  if (leaves.size <= LIMITS.payloadBytes) leaves.scalars.push(line);
}

function pushChildren(value: object, path: string, depth: number, stack: Node[], leaves: Leaves): void {
  if (Array.isArray(value)) {
    for (let i = value.length - 1; i >= 0; i--) stack.push({ value: value[i], path, depth });
    return;
  }
  const children: Node[] = [];
  for (const [key, child] of Object.entries(value)) {
    if (typeof child === "string" && AUTHOR_KEYS.has(key.toLowerCase())) {
      if (child.trim() !== "") leaves.authors.push(child);
    } else {
      children.push({ value: child, path: path === "" ? keyWords(key) : `${path} ${keyWords(key)}`, depth });
    }
  }
  for (let i = children.length - 1; i >= 0; i--) stack.push(children[i]!);
}

/** "roomTemperature" and "room_temperature" as "room temperature". */
function keyWords(key: string): string {
  return key
    .replace(/(\p{Ll}|\d)(?=\p{Lu})/gu, "$1 ")
    .replace(/[_-]+/g, " ")
    .trim();
}
