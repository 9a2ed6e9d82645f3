import { LIMITS } from "../base/mod.ts";

/** End of a line, a full-width full stop, or a full stop with its closing quotes before a space. */
const END = /[\r\n]+|[。！？]+[」』”]*|[.!?…؟]+["'”’)\]]*(?=\s)/g;
/** A full stop after one of these, or after a single letter, is not the end. */
const ABBREVIATION =
  /(?:^|[\s(])(?:\p{L}|mr|mrs|ms|dr|prof|st|jr|sr|vs|no|nr|ca|approx|e\.g|i\.e|z\.b|u\.a|d\.h)\.$/iu;
const LOWER_NEXT = /^\s*\p{Ll}/u;

/**
 * Sentences of `text` as they stand, trimmed, in order: at most LIMITS.sentences, longer ones cut at a space
 * within LIMITS.sentenceChars. A full stop before a lower-case letter ("8 a.m. on") ends nothing.
 */
export function sentences(text: string): string[] {
  const out: string[] = [];
  let from = 0;
  for (const match of text.matchAll(END)) {
    const end = match.index + match[0].length;
    if (match[0].startsWith(".") && goesOn(text, from, end)) continue;
    push(text.slice(from, end), out);
    from = end;
    if (out.length >= LIMITS.sentences) return out;
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
  const sentence = raw.trim();
  if (sentence === "") return;
  if (sentence.length <= LIMITS.sentenceChars) {
    out.push(sentence);
    return;
  }
  const head = sentence.slice(0, LIMITS.sentenceChars);
  const space = head.lastIndexOf(" ");
  out.push(head.slice(0, space > 0 ? space : undefined).toWellFormed());
}
