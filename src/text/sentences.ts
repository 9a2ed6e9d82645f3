import { LIMITS } from "../base/mod.ts";
import { cut } from "./words.ts";

/** Each alternative is linear: the text may be hostile. End of a line, a full-width full stop, or a full stop with its closing quotes before a space. */
const END = /[\r\n]+|[。！？]+[」』”]*|[.!?…؟]["'”’)\]]*(?=\s)/g;
/** A full stop after one of these, or after a single letter, is not the end. */
const ABBREVIATION =
  /(?:^|[\s(])(?:\p{L}|mr|mrs|ms|dr|prof|st|jr|sr|vs|no|nr|ca|approx|e\.g|i\.e|z\.b|u\.a|d\.h)\.$/iu;
const LOWER_NEXT = /^\s*\p{Ll}/u;

/**
 * Sentences of `text` as they stand, trimmed, in order: at most LIMITS.sentences, longer ones cut at
 * spaces into pieces of at most LIMITS.sentenceChars. A full stop before a lower-case letter ("8 a.m. on") ends nothing.
 */
export function sentences(text: string): string[] {
  const out: string[] = [];
  let from = 0;
  for (const match of text.matchAll(END)) {
    const end = match.index + match[0].length;
    if (match[0].startsWith(".") && goesOn(text, from, end)) continue;
    push(text.slice(from, end), out);
    from = end;
    if (out.length === LIMITS.sentences) return out;
  }
  push(text.slice(from), out);
  return out;
}

function goesOn(text: string, from: number, end: number): boolean {
  return (
    LOWER_NEXT.test(text.slice(end, end + 3)) || ABBREVIATION.test(text.slice(Math.max(from, end - 8), end))
  );
}

function push(raw: string, out: string[]): void {
  let rest = raw.trim();
  while (rest.length > LIMITS.sentenceChars && out.length < LIMITS.sentences) {
    const space = rest.lastIndexOf(" ", LIMITS.sentenceChars);
    const end = space > 0 ? space : cut(rest, LIMITS.sentenceChars).length;
    out.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  if (rest !== "" && out.length < LIMITS.sentences) out.push(rest);
}
