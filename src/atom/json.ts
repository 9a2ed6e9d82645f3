import { decodeUtf8, invalid, LIMITS } from "../base/mod.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `\ud8…` to `\udf…`: only through such escapes can valid UTF-8 hold a lone surrogate. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/**
 * The value of a JSON text, strictly: valid UTF-8, no byte order mark, no lone surrogates, nesting within
 * LIMITS.depth (checked before parsing).
 * @param what names the text in errors.
 * @throws Fault invalid_input
 */
export function decodeJson(bytes: Uint8Array, what = "the body"): unknown {
  if (bytes.length === 0) throw invalid(`${what} is empty; send JSON`);
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw invalid(`${what} starts with a byte order mark; send JSON without one`);
  }
  const text = decodeUtf8(bytes);
  if (text === undefined) throw invalid(`${what} is not valid UTF-8; encode it as UTF-8`);
  const open = scanDepth(bytes, what);
  const value = parse(text, what, open);
  if (SURROGATE_ESCAPE.test(text) && !isWellFormed(value)) {
    throw invalid(`${what} holds half of a surrogate pair, which is no Unicode text; escape both halves`);
  }
  return value;
}

function parse(text: string, what: string, open: boolean): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The runtime's message may repeat the text, which must not reach a log.
    throw invalid(
      open
        ? `${what} ends in the middle of a JSON value; send it whole`
        : `${what} is not valid JSON; check its quotes, commas and brackets`,
    );
  }
}

/** Refuses nesting over LIMITS.depth; answers whether a string, list or object is left open at the end. */
function scanDepth(bytes: Uint8Array, what: string): boolean {
  let depth = 0;
  let i = 0;
  while (i < bytes.length) {
    const byte = bytes[i++]!;
    if (byte === QUOTE) {
      let inside = bytes[i++];
      while (inside !== QUOTE && inside !== undefined) {
        if (inside === BACKSLASH) i++;
        inside = bytes[i++];
      }
      if (inside === undefined) return true;
    } else if ((byte | 0x20) === 0x7b) {
      // "[" or "{"
      if (++depth > LIMITS.depth)
        throw invalid(`${what} nests deeper than ${LIMITS.depth} levels; flatten it`);
    } else if ((byte | 0x20) === 0x7d) {
      depth--;
    }
  }
  return depth > 0;
}

/** Whether every string and key of a parsed value is Unicode text. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isWellFormed);
  return Object.entries(value).every(([key, each]) => key.isWellFormed() && isWellFormed(each));
}
