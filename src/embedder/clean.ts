/** Text as BERT's uncased vocabulary expects it. */

/** Control and format characters but tab and line ends, and U+FFFD, which also stands for lone surrogates. */
const DROPPED = /(?![\t\n\r])[\p{Cc}\p{Cf}\ufffd]/gu;
/** Marks that NFD splits off their letters. */
const MARKS = /\p{Mn}/gu;
const BEYOND_ASCII = /[^\0-\x7f]/gu;
const SPACES = /[\p{Zs}\p{Zl}\p{Zp}]/gu;
/** Punctuation, and ideographs, which stand for words: each is a word of its own. */
const ISOLATED =
  /[\p{P}\u{3400}-\u{4dbf}\u{4e00}-\u{9fff}\u{f900}-\u{faff}\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/**
 * Cleans text that has characters beyond ASCII: afterwards words are separated by ASCII white space and punctuation
 * alone. Lower-casing follows the normal form D, so that İ becomes i; Σ never becomes ς, since the vocabulary was
 * made letter by letter.
 */
export function cleanText(text: string): string {
  return (
    text
      .toWellFormed()
      .replace(DROPPED, "")
      .replace(SPACES, " ")
      // Each character alone: the normal form of a whole text sorts marks, in time quadratic in a run of them.
      .replace(BEYOND_ASCII, (character) => character.normalize("NFD"))
      .replace(MARKS, "")
      .replaceAll("Σ", "σ")
      .toLowerCase()
      .replace(ISOLATED, " $& ")
  );
}
