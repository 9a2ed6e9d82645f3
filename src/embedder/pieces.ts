import { LIMITS } from "../base/mod.ts";
import { cleanText } from "./clean.ts";
import type { Vocabulary } from "./vocabulary.ts";

const BEYOND_ASCII = /[^\0-\x7f]/;

const WORD = 0;
const SPACE = 1;
const PUNCTUATION = 2;
const DROPPED = 3;

/** What each ASCII character is. */
const KIND = Uint8Array.from({ length: 128 }, (_, c) => {
  const char = String.fromCharCode(c);
  if (/[\t\n\r ]/.test(char)) return SPACE;
  if (/[\0-\x1f\x7f]/.test(char)) return DROPPED;
  return /[0-9A-Za-z]/.test(char) ? WORD : PUNCTUATION;
});
const LOWER = Uint8Array.from({ length: 128 }, (_, c) => String.fromCharCode(c).toLowerCase().charCodeAt(0));

const BYTES_PER_CHARACTER = 4;

/** WordPiece: text to the rows of its pieces. Not reentrant: it has scratch of its own. */
export class PieceSplitter {
  /** Rows of the last text's pieces. */
  readonly rows = new Uint16Array(LIMITS.embedPieces);
  private count = 0;
  /** The word being read as UTF-8. */
  private readonly word = new Uint8Array(LIMITS.embedWordChars * BYTES_PER_CHARACTER);
  private bytes = 0;
  private characters = 0;

  constructor(private readonly vocabulary: Vocabulary) {}

  /** Splits `text` into `rows` and returns how many of them are filled. Unknown and overlong words are left out. */
  split(text: string): number {
    const cut = text.length > LIMITS.embedTextChars ? text.slice(0, LIMITS.embedTextChars) : text;
    const clean = BEYOND_ASCII.test(cut) ? cleanText(cut) : cut;
    this.count = 0;
    this.bytes = 0;
    this.characters = 0;
    for (let i = 0; i < clean.length && this.count < this.rows.length; i++) {
      const code = clean.charCodeAt(i);
      if (code < 128) this.takeAscii(code);
      else {
        const point = clean.codePointAt(i)!;
        if (point > 0xffff) i++;
        this.takeWide(point);
      }
    }
    this.endWord();
    return this.count;
  }

  private takeAscii(code: number): void {
    const kind = KIND[code]!;
    if (kind === DROPPED) return;
    if (kind !== WORD) this.endWord();
    if (kind === SPACE) return;
    if (this.characters++ < LIMITS.embedWordChars) this.word[this.bytes++] = LOWER[code]!;
    if (kind === PUNCTUATION) this.endWord();
  }

  private takeWide(point: number): void {
    if (this.characters++ >= LIMITS.embedWordChars) return;
    const { word } = this;
    if (point < 0x800) word[this.bytes++] = 0xc0 | (point >> 6);
    else {
      if (point < 0x10000) word[this.bytes++] = 0xe0 | (point >> 12);
      else {
        word[this.bytes++] = 0xf0 | (point >> 18);
        word[this.bytes++] = 0x80 | ((point >> 12) & 63);
      }
      word[this.bytes++] = 0x80 | ((point >> 6) & 63);
    }
    word[this.bytes++] = 0x80 | (point & 63);
  }

  private endWord(): void {
    if (this.bytes > 0 && this.characters <= LIMITS.embedWordChars) {
      this.count = this.vocabulary.split(this.word, this.bytes, this.rows, this.count);
    }
    this.bytes = 0;
    this.characters = 0;
  }
}
