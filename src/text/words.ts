import { LIMITS } from "../base/mod.ts";

const ASCII = /^[\x00-\x7f]*$/;
/**
 * A letter or digit with what follows it, across single apostrophes and full stops, which `unquote` and `pushRun`
 * then take apart. Enclosing marks (keycaps) are no part of a word.
 */
const RUN = /[\p{L}\p{N}][\p{L}\p{N}\p{Mn}\p{Mc}]*(?:['.][\p{L}\p{N}][\p{L}\p{N}\p{Mn}\p{Mc}]*)*/gu;
const DECIMAL = /^\d+\.\d+$/;
const INVISIBLE = /\p{Default_Ignorable_Code_Point}+/gu;
/** U+FF9E and U+FF9F are letters by category but become marks under NFKC. */
const LONG_MARKS = /([\p{M}\uff9e\uff9f]{30})[\p{M}\uff9e\uff9f]+/gu;
/** Scripts written without spaces between words, and Hangul, whose particles are joined to the noun. */
const UNSPACED = /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{sc=Hang}]/u;
const UNSPACED_RUN =
  /(?:[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{sc=Hang}]\p{M}*)+|[^\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{sc=Hang}]+/gu;
const CHARACTER = /\P{M}\p{M}*/gu;
/** What follows an English apostrophe and carries no meaning of its own: 's, I'm, she'd, we'll, they're, I've. */
const CLITICS = new Set(["s", "m", "d", "ll", "re", "ve"]);
/** What an apostrophe cuts off before a French, Italian or Catalan noun: l'hôtel, qu'elle. */
const ELISIONS = new Set(["l", "d", "j", "n", "m", "t", "s", "c", "qu"]);

/** The unstemmed index form of a word: "21p5" for 21.5, since the point would separate tokens in the index. */
export function plainTerm(word: string): string {
  return DECIMAL.test(word) ? word.replace(".", "p") : word;
}

/**
 * Lower-case words of `text` in order, with repeats, at most LIMITS.atomTerms, each cut at LIMITS.termChars.
 * Letters, digits and marks make words, all else separates them; text in Han, Kana and Hangul becomes overlapping
 * pairs of characters; numbers keep their decimal point; possessives and contracted verbs lose their ending and
 * other apostrophes join ("Ann's" → ann, "don't" → dont).
 */
export function words(text: string): string[] {
  const ascii = ASCII.test(text);
  const out: string[] = [];
  for (const run of (ascii ? text.toLowerCase() : fold(text)).match(RUN) ?? []) {
    pushRun(run, ascii, out);
    if (out.length >= LIMITS.atomTerms) break;
  }
  if (out.length > LIMITS.atomTerms) out.length = LIMITS.atomTerms;
  return out;
}

/**
 * NFKC in lower case without invisible characters. Runs of marks are cut at 30 (UAX #15, stream-safe text): sorting
 * them takes quadratic time, 44 s for a payload that is made for it.
 */
function fold(text: string): string {
  return text
    .replaceAll("\u200b", " ")
    .replace(INVISIBLE, "")
    .replace(LONG_MARKS, "$1")
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll("i\u0307", "i") // what İ becomes
    .replace(/[\u2018\u2019\u02bc]/g, "'");
}

function pushRun(run: string, ascii: boolean, out: string[]): void {
  if (run.includes(".") && !DECIMAL.test(run)) {
    for (const part of run.split(".")) pushWord(unquote(part), ascii, out);
  } else {
    pushWord(unquote(run), ascii, out);
  }
}

function pushWord(word: string, ascii: boolean, out: string[]): void {
  if (ascii || !UNSPACED.test(word)) out.push(cut(word));
  else pushPairs(word, out);
}

function unquote(word: string): string {
  if (!word.includes("'")) return word;
  const parts = word.split("'");
  while (parts.length > 1 && CLITICS.has(parts.at(-1)!)) parts.pop();
  if (parts.length > 1 && ELISIONS.has(parts[0]!)) parts.shift();
  return parts.join("");
}

function pushPairs(word: string, out: string[]): void {
  for (const run of word.match(UNSPACED_RUN) ?? []) {
    const chars = UNSPACED.test(run) ? (run.match(CHARACTER) ?? []) : [];
    if (chars.length < 2) out.push(cut(run));
    for (let i = 1; i < chars.length; i++) out.push(cut(chars[i - 1]! + chars[i]!));
  }
}

/** The first `max` characters at most, never half of a surrogate pair. */
export function cut(text: string, max: number = LIMITS.termChars): string {
  if (text.length <= max) return text;
  const last = text.charCodeAt(max - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? max - 1 : max);
}
