import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LIMITS } from "../../src/base/mod.ts";
import { sentences } from "../../src/text/mod.ts";

describe("sentences of a text", () => {
  const cases: [what: string, text: string, expected: string[]][] = [
    ["end at a full stop, question or exclamation mark", "Hi! You ok? Yes.", ["Hi!", "You ok?", "Yes."]],
    ["end with the line", "one\ntwo\r\n\nthree", ["one", "two", "three"]],
    ["keep closing quotes", 'He said "no." Then left.', ['He said "no."', "Then left."]],
    ["go on after an abbreviation", "Dr. Smith met J. R. Ewing.", ["Dr. Smith met J. R. Ewing."]],
    [
      "go on before a lower-case letter",
      "At 8 a.m. on Monday... we left. Fine.",
      ["At 8 a.m. on Monday... we left.", "Fine."],
    ],
    ["go on inside numbers and names", "It is 21.5 at pi.local now.", ["It is 21.5 at pi.local now."]],
    ["need no space in Chinese and Japanese", "東京です。「はい。」次", ["東京です。", "「はい。」", "次"]],
    ["none", " \n ", []],
  ];
  for (const [what, text, expected] of cases) test(what, () => expect(sentences(text)).toEqual(expected));

  test("that are too long come in pieces", () => {
    const text = "word ".repeat(LIMITS.sentenceChars);
    const pieces = sentences(text);
    expect(pieces.join(" ")).toBe(text.trim());
    for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(LIMITS.sentenceChars);
    for (const piece of sentences(`x${"😀".repeat(2000)}`)) expect(piece.isWellFormed()).toBe(true);
  });

  test("are bounded", () => {
    expect(sentences("No. ".repeat(10) + "Yes! ".repeat(LIMITS.sentences * 2))).toHaveLength(
      LIMITS.sentences,
    );
    expect(sentences(".".repeat(LIMITS.payloadBytes)).join("")).toHaveLength(LIMITS.payloadBytes);
    expect(sentences("x".repeat(LIMITS.sentenceChars * (LIMITS.sentences + 5)))).toHaveLength(
      LIMITS.sentences,
    );
  });

  test("stand in the text as they are, and only spaces are lost", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "B", ".", "?", '"', " ", "\n", "。", "é") }),
        (text) => {
          const found = sentences(text);
          for (const sentence of found) expect(text).toContain(sentence);
          expect(found.join("").replace(/\s/g, "")).toBe(text.replace(/\s/g, ""));
        },
      ),
    );
  });
});
