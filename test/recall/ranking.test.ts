import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LIMITS } from "../../src/base/mod.ts";
import { indexTerms } from "../../src/text/mod.ts";
import { withStore } from "../storage/harness.ts";
import { APART, apart, ask, at, said, scoreOf, texts } from "./harness.ts";

describe("words", () => {
  test("the atom that holds more and rarer words of the question comes first", () =>
    withStore((store) => {
      store.batch(
        apart(
          "the boat needs paint",
          "the boat is blue and the boat is old",
          "paint for the garden fence",
          "soup for lunch",
        ),
      );
      expect(texts(store, "Which paint does the boat need?")[0]).toBe("the boat needs paint");
      expect(texts(store, "fence paint")[0]).toBe("paint for the garden fence");
      expect(texts(store, "paint")).not.toContain("soup for lunch");
    }));

  test("nothing that matches is an empty answer", () =>
    withStore((store) => {
      store.batch(apart("the boat needs paint"));
      expect(ask(store, "submarine")).toMatchObject({ text: "", supporting: [], scores: [] });
    }));

  test("an acknowledged atom is in the next answer, one by one and across folds of the index", () =>
    withStore((store) => {
      for (let i = 0; i < LIMITS.textTail + 3; i++) {
        store.remember(at(i * APART, `parcel number${i}`));
        expect(texts(store, `number${i}`)).toEqual([`parcel number${i}`]);
      }
      expect(texts(store, "parcel", { limit: 100 })).toHaveLength(LIMITS.askLimit);
    }));

  test("lexical goes by bm25 · √idf of the world's own counts", () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.array(fc.constantFrom("red", "green", "blue", "ash", "oak"), { minLength: 1, maxLength: 9 }),
          {
            minLength: 1,
            maxLength: 12,
          },
        ),
        (docs) =>
          withStore((store) => {
            store.batch([{ world: "other", payload_json: '{"text":"red red oak"}' }]);
            const list = docs.map((words) => words.join(" "));
            store.batch(list.map((text, i) => at(i * APART, text)));
            const found = ask(store, "red oak", { limit: 100 });
            const expected = list.map((text) => bm25(text, ["red", "oak"], list));
            const best = Math.max(...expected);
            const strongest = Math.max(...found.scores.map((score) => score.lexical));
            said(found).forEach((text, i) => {
              const part = expected[list.indexOf(text)]! / best;
              expect(found.scores[i]!.lexical).toBeCloseTo(strongest * part, 3);
            });
            expect(found.supporting).toHaveLength(expected.filter((score) => score > 0).length);
          }),
      ),
      { numRuns: 12 },
    ));

  test("other worlds change neither answer nor scores", () =>
    withStore((store) => {
      store.batch(apart("the boat needs paint", "paint for the fence", "a boat for sale"));
      const before = ask(store, "boat paint").scores;
      store.batch(
        Array.from({ length: 200 }, () => ({ world: "other", payload_json: '{"text":"boat paint boat"}' })),
      );
      expect(ask(store, "boat paint").scores).toEqual(before);
    }));

  test("a word that is too common to be read in full still decides between hits of rare ones", () =>
    withStore((store) => {
      const crowd = Array.from({ length: LIMITS.askPostings + 500 }, (_, i) =>
        at(i, `harbour log entry ${i}`),
      );
      const calm = crowd.map((_, i) => at(i, `a calm day ${i}`));
      const all = [...crowd, ...calm];
      for (let i = 0; i < all.length; i += 1000) store.batch(all.slice(i, i + 1000));
      store.batch([at(9e5, "lantern with harbour mark"), at(9e5 + APART, "lantern with another mark")]);
      store.batch(Array.from({ length: 600 }, (_, i) => at(1e6 + i, "harbour")));
      expect(texts(store, "lantern harbour").slice(0, 2)).toEqual([
        "lantern with harbour mark",
        "lantern with another mark",
      ]);
      expect(texts(store, "harbour", { limit: 3 })).toHaveLength(3);
    }));

  test("at most the rarest words of a long question are scored, and the answer says so", () =>
    withStore((store) => {
      store.batch(apart(Array.from({ length: 80 }, (_, i) => `word${i}`).join(" "), "word0 word1"));
      const found = ask(store, Array.from({ length: 80 }, (_, i) => `word${i}`).join(" "));
      // the two words of the second atom are the commonest
      expect(found.supporting).toHaveLength(1);
      expect(found.warnings.some((warning) => warning.includes(`${LIMITS.queryWords} rarest`))).toBe(true);
    }));
});

/** The formula written plainly. */
function bm25(text: string, query: string[], all: string[]): number {
  const lengths = all.map((one) => indexTerms(one).length);
  const mean = lengths.reduce((sum, n) => sum + n, 0) / all.length;
  const words = indexTerms(text);
  let score = 0;
  for (const word of query.map((one) => indexTerms(one)[0]!)) {
    const n = all.filter((one) => indexTerms(one).includes(word)).length;
    const idf = Math.log(1 + (all.length - n + 0.5) / (n + 0.5));
    const count = words.filter((one) => one === word).length;
    score += (idf ** 1.5 * count * 2.2) / (count + 1.2 * (1 - 0.75 + (0.75 * words.length) / mean));
  }
  return score;
}

describe("conversation", () => {
  test("the answer that follows a matching question in its thread is found", () =>
    withStore((store) => {
      store.batch([
        at(0, "where is the spare key?"),
        at(1, "under the blue pot", "bob"),
        at(500, "a key change in the song"),
      ]);
      expect(texts(store, "spare key")).toContain("under the blue pot");
    }));

  test("neighbours are those of the session, not of the log", () =>
    withStore((store) => {
      const session = (name: string, minutes: number, text: string) => ({
        ...at(minutes, text),
        labels: [`session:${name}`],
      });
      store.batch([
        session("a", 0, "the spare key?"),
        session("b", 1, "soup again"),
        session("a", 2, "under the pot"),
        session("b", 3, "too salty"),
      ]);
      expect(texts(store, "spare key").sort()).toEqual(["the spare key?", "under the pot"]);
    }));

  test("a named author's atoms rise, and his name is no word to look for", () =>
    withStore((store) => {
      store.batch([
        at(0, "I painted the boat", "bob"),
        at(APART, "I painted the boat", "carol"),
        at(99, "bob", "dave"),
      ]);
      const found = ask(store, "What did Bob paint?");
      expect(found.supporting[0]!.worker).toBe("bob");
      expect(found.scores.map((score) => score.author)).toEqual([0.3, 0]);
    }));

  test("an author that all candidates have tells nothing", () =>
    withStore((store) => {
      store.batch([
        at(0, "painted the boat", "bob"),
        at(APART, "painted the fence", "bob"),
        at(99, "lunch", "eve"),
      ]);
      expect(ask(store, "What did Bob paint?").scores.map((score) => score.author)).toEqual([0, 0]);
    }));
});

describe("time, number and form", () => {
  const jan = at(0, "went sailing with friends");
  const may = { ...jan, timestamp: "2026-05-08T12:00:00.000Z" };

  test("a named month, and more so a named day, draws its atoms up", () =>
    withStore((store) => {
      store.batch([may, jan, { ...may, timestamp: "2026-05-28T12:00:00.000Z" }]);
      const month = ask(store, "sailing in May 2026");
      expect(month.scores.map((score) => score.time)).toEqual([0.6, 0.6, 0]);
      const day = ask(store, "sailing on 8 May 2026");
      expect(day.supporting[0]!.ts_ms).toBe(Date.parse(may.timestamp));
      expect(day.scores[0]!.time).toBe(1);
    }));

  test("relative times count from now", () =>
    withStore((store) => {
      store.batch([may, jan]);
      const now = Date.parse("2026-05-09T08:00:00.000Z");
      expect(ask(store, "sailing yesterday", {}, { now }).scores[0]!.time).toBe(0.4);
    }));

  test("asked when, an atom with a word of time gains; asked how many, one with a number", () =>
    withStore((store) => {
      store.batch(apart("we sail on Monday", "we sail with pleasure", "we sail 3 boats"));
      expect(scoreOf(ask(store, "When do we sail?"), "we sail on Monday").time).toBe(0.2);
      expect(scoreOf(ask(store, "When do we sail?"), "we sail with pleasure").time).toBe(0);
      expect(scoreOf(ask(store, "How many sail?"), "we sail 3 boats").number).toBe(0.2);
    }));

  test("what asks ranks below what tells", () =>
    withStore((store) => {
      store.batch(apart("the boat is painted", "is the boat painted?"));
      expect(texts(store, "boat painted")[0]).toBe("the boat is painted");
    }));
});

describe("vectors", () => {
  test("the nearest join the candidates with their share of the score", () =>
    withStore((store) => {
      store.batch([
        ...apart("the boat needs paint", "a vessel wants colour", "soup"),
        at(999, "hull", "bob"),
      ]);
      const asked: string[] = [];
      const found = ask(
        store,
        "What about Bob's boat?",
        {},
        {
          semantic: ({ text, accept }) => {
            asked.push(text);
            expect(accept(2)).toBe(true);
            const cosine = (seq: number): number => (seq === 2 ? 0.8 : seq === 1 ? 0.4 : -1);
            return {
              model: "test",
              mode: "exact",
              best: [2, 1].map((seq) => ({ seq, cosine: cosine(seq) })),
              cosine,
            };
          },
        },
      );
      expect(found.mode).toBe("exact");
      expect(found.warnings).toEqual([]);
      expect(asked).toEqual(["What about  boat?"]);
      expect(scoreOf(found, "a vessel wants colour").semantic).toBe(0.4);
      expect(scoreOf(found, "the boat needs paint").semantic).toBeWithin(0.01, 0.39);
      expect(said(found)).not.toContain("soup");
    }));

  test("without them the mode is lexical and a warning says why", () =>
    withStore((store) => {
      store.batch(apart("the boat needs paint"));
      expect(ask(store, "boat")).toMatchObject({
        mode: "lexical",
        warnings: [expect.stringContaining("no vectors")],
      });
      const why = "the index is being built";
      const found = ask(store, "boat", {}, { semantic: () => ({ mode: "lexical", why }) });
      expect(found).toMatchObject({ mode: "lexical", warnings: [why] });
    }));
});
