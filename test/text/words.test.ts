import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LIMITS } from "../../src/base/mod.ts";
import { words } from "../../src/text/mod.ts";

describe("words of a text", () => {
  const cases: [what: string, text: string, expected: string[]][] = [
    ["are lower case", "The LGBTQ Group", ["the", "lgbtq", "group"]],
    ["are separated by punctuation", "node_id: a-b, c.d;e/f", ["node", "id", "a", "b", "c", "d", "e", "f"]],
    ["lose a possessive", "Caroline's and James' dogs’ toys", ["caroline", "and", "james", "dogs", "toys"]],
    ["lose a contracted verb", "I'm we'll they've she’d it's", ["i", "we", "they", "she", "it"]],
    ["join at other apostrophes", "don't rock'n'roll o'clock", ["dont", "rocknroll", "oclock"]],
    ["lose a French elision", "l’hôtel qu'elle d'Artagnan", ["hôtel", "elle", "artagnan"]],
    ["keep a decimal point", "21.5 °C, 3.14.", ["21.5", "c", "3.14"]],
    [
      "split versions, addresses and host names",
      "v1.2.3 10.0.0.1 pi.local",
      ["v1", "2", "3", "10", "0", "0", "1", "pi", "local"],
    ],
    ["split clock times and dates", "at 10:30 on 2023-05-08", ["at", "10", "30", "on", "2023", "05", "08"]],
    ["compose marks", "cafe\u0301 na\u0308i", ["café", "näi"]],
    ["unify full-width, ligatures and signs", "ＡＢＣ１２ ﬁne ℃ ½", ["abc12", "fine", "c", "1", "2"]],
    ["drop emoji and keycaps' frames", "ok 👍🏽 👩‍👩‍👧 ❤️ 🇩🇪 1️⃣", ["ok", "1"]],
    ["ignore invisible characters inside", "co\u00adoperate می\u200cخواهم", ["cooperate", "میخواهم"]],
    ["are split by a zero-width space", "one\u200btwo", ["one", "two"]],
    ["come from right-to-left scripts", "שלום עולם، مرحبا!", ["שלום", "עולם", "مرحبا"]],
    ["keep marks of Indic scripts", "नमस्ते दुनिया", ["नमस्ते", "दुनिया"]],
    ["are pairs of characters in Chinese and Japanese", "東京タワー", ["東京", "京タ", "タワ", "ワー"]],
    ["are pairs in Korean", "한국어", ["한국", "국어"]],
    ["are one character where it stands alone", "水 の", ["水", "の"]],
    ["change at the border of scripts", "2020年abc東京", ["2020", "年", "abc", "東京"]],
    ["unify half-width kana", "ｶﾞｽ", ["ガス"]],
    ["none", " …?! \u0301\ufe0f\ud800 ", []],
  ];
  for (const [what, text, expected] of cases) test(what, () => expect(words(text)).toEqual(expected));

  test("are cut at the limit, never inside a surrogate pair", () => {
    const long = "x".repeat(LIMITS.termChars + 1);
    expect(words(long)).toEqual([long.slice(1)]);
    const pairs = `x${"𝼀".repeat(LIMITS.termChars)}`;
    expect(words(pairs)[0]?.isWellFormed()).toBe(true);
    expect(words(pairs)[0]).toHaveLength(LIMITS.termChars - 1);
  });

  test("are at most LIMITS.atomTerms", () => {
    expect(words("a ".repeat(LIMITS.atomTerms + 1))).toHaveLength(LIMITS.atomTerms);
    expect(words("水".repeat(LIMITS.atomTerms + 2))).toHaveLength(LIMITS.atomTerms);
  });

  test("survive any text, and hold nothing that separates", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        for (const word of words(text)) {
          expect(word).toMatch(/^(?:[a-z0-9]|[^\x00-\x7f])+$|^\d+\.\d+$/);
          expect(word.length).toBeLessThanOrEqual(LIMITS.termChars);
        }
      }),
    );
  });
});

describe("runs of marks made to slow normalisation down", () => {
  // Sorting 120,000 marks takes most of a minute: this test would run into the time-out.
  test("are cut at 30", () => {
    const hostile = `a${"\u0345".repeat(60_000)}${"\u0316".repeat(60_000)} b`;
    expect(words(hostile)).toEqual([`a${"\u0345".repeat(30)}`.normalize("NFKC"), "b"]);
  });

  test("have no other way in: whatever NFKC turns into a mark that moves is cut too", () => {
    const moves = (mark: string): boolean =>
      [`\u0345${mark}`, `${mark}\u0334`].some((pair) => pair.normalize("NFD") !== pair);
    for (let code = 0; code < 0x110000; code++) {
      const char = String.fromCodePoint(code);
      const first = String.fromCodePoint(char.normalize("NFKD").codePointAt(0)!);
      if (/\p{M}/u.test(first) && moves(first)) expect(char).toMatch(/[\p{M}\uff9e\uff9f]/u);
    }
  });
});
