import { describe, expect, test } from "bun:test";
import { analyseQuestion, isStopWord } from "../../src/text/mod.ts";

const authors = new Set(["caroline", "mel", "2p5"]);
const analyse = (question: string) => analyseQuestion(question, (term) => authors.has(term));

describe("content words of a question", () => {
  test("leave out stop words and names of authors", () => {
    const question = analyse("What did Caroline's friends say about the support group?");
    expect(question.words).toEqual(["friends", "say", "support", "group"]);
    expect(question.terms).toEqual(["friend", "sai", "support", "group"]);
    expect(question.authors).toEqual(["caroline"]);
  });

  test("are distinct by term; the first form stands for the others", () => {
    const question = analyse("run running runs ran");
    expect(question.words).toEqual(["run", "ran"]);
    expect(question.terms).toEqual(["run", "ran"]);
  });

  test("are the names where nothing else is left", () => {
    expect(analyse("Who is Caroline?").words).toEqual(["caroline"]);
    expect(analyse("Who is Caroline?").authors).toEqual(["caroline"]);
  });

  test("are all words where all are stop words", () => {
    expect(analyse("Who is it?").words).toEqual(["who", "is", "it"]);
    expect(analyse("?!").words).toEqual([]);
  });

  test("know authors by their index term", () => {
    expect(analyse("sensor 2.5 temperature")).toMatchObject({
      words: ["sensor", "temperature"],
      authors: ["2p5"],
    });
  });

  test("never ask about a stop word as an author", () => {
    analyseQuestion("what did the agent do", (term) => {
      expect(isStopWord(term)).toBe(false);
      return false;
    });
  });
});

describe("what a question asks for", () => {
  const time = (question: string): boolean => analyse(question).asks.time;
  const number = (question: string): boolean => analyse(question).asks.number;

  test("a time: when, how long, which day", () => {
    for (const q of [
      "When did she go?",
      "Since when?",
      "How long was it?",
      "In which month did it rain?",
      "What day is it?",
    ]) {
      expect([q, time(q)]).toEqual([q, true]);
    }
    for (const q of ["Wann war das?", "Wie lange?", "¿Cuándo llegó?"])
      expect([q, time(q)]).toEqual([q, true]);
  });

  test("no time where when is a conjunction", () => {
    expect(time("Who supports Caroline when she is sad?")).toBe(false);
    expect(time("How did it feel when he won?")).toBe(false);
  });

  test("a number: how many, often, old, far, much", () => {
    for (const what of ["many", "often", "old", "far", "much"])
      expect(number(`How ${what} is it?`)).toBe(true);
    for (const q of ["Wie viele Hunde?", "¿Cuántos perros?"]) expect(number(q)).toBe(true);
    expect(number("How was it?")).toBe(false);
    expect(number("Show many things")).toBe(false);
  });
});

describe("the stop list", () => {
  test("holds function words in the form of words", () => {
    for (const word of ["the", "what", "dont", "it", "und", "los"]) expect(isStopWord(word)).toBe(true);
  });

  test("holds no English content word", () => {
    for (const word of ["die", "war", "man", "hat", "son", "sin", "den", "sea", "fur", "not_listed"]) {
      expect([word, isStopWord(word)]).toEqual([word, false]);
    }
  });
});
