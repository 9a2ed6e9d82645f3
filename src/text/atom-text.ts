import { LIMITS } from "../base/mod.ts";

/** What an atom says and who says it. */
export interface AtomText {
  text: string;
  /** What its vector is made of: the text without what only says where it was said. */
  meaning: string;
  /** Values of the payload's author fields, then the worker; distinct, as given. */
  authors: string[];
}

const AUTHOR_KEYS = new Set(["speaker", "author", "user", "from", "role"]);

interface Node {
  value: unknown;
  /** Keys that lead here, as words; array positions are left out. */
  path: string;
  depth: number;
  /** Whether it is part of what the payload says. */
  means: boolean;
}

interface Leaves {
  strings: string[];
  /** Those of them that are part of what the payload says. */
  meant: string[];
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
 * as it is. The object `context` of a payload whose `content` is a text is found by its words, and no part of the
 * meaning: a tool that was used would liken whatever it was used for. Never throws.
 */
export function atomText(payloadJson: string, worker: string): AtomText {
  const leaves = parse(payloadJson);
  if (!leaves) return { text: payloadJson, meaning: payloadJson, authors: [worker] };
  const { strings, meant, scalars } = leaves;
  const text = (strings.length > 0 ? strings : scalars).join("\n");
  const meaning = meant.length > 0 && meant.length < strings.length ? meant.join("\n") : text;
  const named = [...new Set(leaves.authors)].slice(0, LIMITS.atomAuthors - 1);
  return { text, meaning, authors: [...new Set([...named, worker])] };
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
  const leaves: Leaves = { strings: [], meant: [], scalars: [], size: 0, authors: [] };
  const stack: Node[] = [{ value: root, path: "", depth: 0, means: true }];
  for (let node = stack.pop(); node; node = stack.pop()) {
    const { value, path, depth, means } = node;
    if (typeof value === "string") {
      if (value.trim() === "") continue;
      leaves.strings.push(value);
      if (means) leaves.meant.push(value);
    } else if (value === null || typeof value !== "object") {
      pushScalar(path === "" ? String(value) : `${path} ${value}`, leaves);
    } else {
      if (depth === LIMITS.depth) return undefined;
      pushChildren(value, node, stack, leaves);
    }
  }
  return leaves;
}

function pushScalar(line: string, leaves: Leaves): void {
  leaves.size += line.length;
  if (leaves.size <= LIMITS.payloadBytes) leaves.scalars.push(line);
}

function pushChildren(value: object, parent: Node, stack: Node[], leaves: Leaves): void {
  const { path, means } = parent;
  const depth = parent.depth + 1;
  if (Array.isArray(value)) {
    for (let i = value.length - 1; i >= 0; i--) stack.push({ value: value[i], path, depth, means });
    return;
  }
  const aside = depth === 1 && typeof (value as { content?: unknown }).content === "string" ? "context" : "";
  const children: Node[] = [];
  for (const [key, child] of Object.entries(value)) {
    if (typeof child === "string" && AUTHOR_KEYS.has(key.toLowerCase())) {
      if (child.trim() !== "") leaves.authors.push(child);
    } else {
      const at = path === "" ? keyWords(key) : `${path} ${keyWords(key)}`;
      children.push({ value: child, path: at, depth, means: means && key !== aside });
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
