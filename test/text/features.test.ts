import { describe, expect, test } from "bun:test";
import { FEATURE, features } from "../../src/text/mod.ts";

const has = (text: string, bit: number): boolean => (features(text) & bit) !== 0;

describe("features of a text", () => {
  test("time: words of the calendar and clock", () => {
    for (const text of [
      "yesterday",
      "last week",
      "in June",
      "on Friday",
      "back in 2019",
      "at 8pm",
      "7 o'clock",
      "8 May",
      "May 8th",
      "3 years ago",
      "im März",
      "el lunes",
    ]) {
      expect([text, has(text, FEATURE.time)]).toEqual([text, true]);
    }
    for (const text of ["We may march on", "I love mayo", "in 12 boxes", "a dec board", "2500 steps"]) {
      expect([text, has(text, FEATURE.time)]).toEqual([text, false]);
    }
  });

  test("number: digits, or a number word from two on", () => {
    for (const text of ["3 kids", "21.5", "twice", "a dozen", "seven dogs", "drei"])
      expect(has(text, FEATURE.number)).toBe(true);
    for (const text of ["no one", "a kid", ""]) expect(has(text, FEATURE.number)).toBe(false);
  });

  test("first person", () => {
    for (const text of ["I'm here", "it is mine", "We’ll see", "ich auch"])
      expect(has(text, FEATURE.firstPerson)).toBe(true);
    for (const text of ["You are here", "the US"])
      expect([text, has(text, FEATURE.firstPerson)]).toEqual([text, text === "the US"]);
  });

  test("question: it ends with a question mark", () => {
    for (const text of ["Really?", "Really? \n", '"Really?"', "本当？"])
      expect(has(text, FEATURE.question)).toBe(true);
    for (const text of ["Really? Yes.", "Really", ""]) expect(has(text, FEATURE.question)).toBe(false);
  });
});
