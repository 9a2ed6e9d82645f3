import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LinkKind } from "../../src/atom/mod.ts";
import { LIMITS, newId } from "../../src/base/mod.ts";
import { DAY, Store, withStore } from "../storage/harness.ts";
import { APART, apart, ask, at, said, scoreOf, texts } from "./harness.ts";

const link = (kind: LinkKind, target: string) => ({ links: [{ kind, target }] });

describe("supersession", () => {
  test("what supersedes an atom inherits its place, and the old one stays just below", () =>
    withStore((store) => {
      const old = store.remember(at(0, "choir practice is on Monday in the old school hall"));
      store.remember({ ...at(APART, "it is Tuesday now"), ...link("supersedes", old) });
      const found = ask(store, "choir practice school hall");
      expect(said(found)).toEqual([
        "it is Tuesday now",
        "choir practice is on Monday in the old school hall",
      ]);
      expect(found.scores[0]!.score - found.scores[1]!.score).toBeCloseTo(1e-4, 8);
    }));

  test("holds along chains, whatever the order of arrival, in answers to the empty question too", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { maxLength: 6 }),
        fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6], { minLength: 7 }),
        (pairs, order) =>
          withStore((store) => {
            const ids = order.map((_, i) => newId(1000 + i));
            // newer numbers supersede older ones, so there are no circles
            const links = pairs.filter(([a, b]) => a > b);
            for (const [when, i] of order.entries()) {
              const targets = links.filter(([a]) => a === i).map(([, b]) => ids[b]!);
              store.remember({
                ...at(when * APART, `note${i} ${"boat ".repeat((i * 5) % 7)}`),
                id: ids[i]!,
                importance: ((i * 3) % 7) / 7,
                links: targets.map((target) => ({ kind: "supersedes" as const, target })),
              });
            }
            for (const text of ["boat", ""]) {
              const place = ask(store, text).scores.map((score) => score.id);
              for (const [a, b] of links) {
                if (!place.includes(ids[b]!)) continue;
                expect(place).toContain(ids[a]!);
                expect(place.indexOf(ids[a]!)).toBeLessThan(place.indexOf(ids[b]!));
              }
            }
          }),
      ),
      { numRuns: 15 },
    ));

  test("a circle ends", () =>
    withStore((store) => {
      const [a, b] = [newId(1), newId(2)];
      store.remember({ ...at(0, "boat one"), id: a, ...link("supersedes", b) });
      store.remember({ ...at(APART, "boat two"), id: b, ...link("supersedes", a) });
      expect(texts(store, "boat")).toHaveLength(2);
    }));

  test("counts only while the newer one may be seen", () =>
    withStore((store) => {
      const old = store.remember(at(0, "the boat is red"));
      store.remember({ ...at(APART, "no, blue"), ...link("supersedes", old), flags: ["quarantine"] });
      expect(texts(store, "boat")).toEqual(["the boat is red"]);
    }));
});

describe("votes", () => {
  test("others' confirmations raise with saturation, contradictions lower", () =>
    withStore((store) => {
      const [plain, liked, loved, doubted] = store.batch(
        apart("boat", "boat", "boat", "boat").map((atom) => ({ ...atom, worker: "bob" })),
      );
      const vote = (kind: LinkKind, target: string, ...workers: string[]) =>
        store.batch(
          workers.map((worker, i) => ({ ...at(9e4 + i * APART, "yes", worker), ...link(kind, target) })),
        );
      vote("confirms", liked!, "eve", "eve");
      vote("confirms", loved!, "eve", "fay", "gus");
      vote("contradicts", doubted!, "eve");
      const found = ask(store, "boat", { limit: 4 });
      const links = new Map(found.scores.map((score) => [score.id, score.links]));
      expect(links.get(plain!)).toBe(0);
      expect(links.get(liked!)).toBe(0.1);
      expect(links.get(loved!)).toBe(0.15);
      expect(links.get(doubted!)).toBe(-0.15);
      expect(found.scores.at(-1)!.id).toBe(doubted!);
    }));

  test("an own confirmation counts for nothing", () =>
    withStore((store) => {
      const id = store.remember(at(0, "boat"));
      store.remember({ ...at(APART, "yes"), ...link("confirms", id) });
      expect(ask(store, "boat").scores[0]!.links).toBe(0);
    }));

  test("trust in the worker shifts by at most 0.2", () =>
    withStore((store) => {
      const [good, bad] = store.batch([at(0, "boat", "bob"), at(APART, "boat", "eve")]);
      for (const voter of ["fay", "gus", "hal", "ida", "jon"]) {
        store.remember({ ...at(9e4, "yes", voter), ...link("confirms", good!) });
        store.remember({ ...at(9e4, "no", voter), ...link("contradicts", bad!) });
      }
      const trust = new Map(ask(store, "boat").scores.map((score) => [score.id, score.trust]));
      // (1 + 5) / (2 + 5) and 1 / (2 + 5), around the middle
      expect(trust.get(good!)).toBeCloseTo(0.2 * (12 / 7 - 1), 4);
      expect(trust.get(bad!)).toBeCloseTo(0.2 * (2 / 7 - 1), 4);
    }));
});

describe("importance and recency", () => {
  test("importance shifts by at most 0.2 around its middle", () =>
    withStore((store) => {
      store.batch(
        [0, 0.5, 1].map((importance, i) => ({ ...at(i * APART, `boat ${importance}`), importance })),
      );
      const found = ask(store, "boat");
      expect(said(found)).toEqual(["boat 1", "boat 0.5", "boat 0"]);
      expect(found.scores.map((score) => score.importance)).toEqual([0.2, 0, -0.2]);
    }));

  test("recency breaks near-ties and is at most 0.05, the same whenever it is asked", () =>
    withStore((store) => {
      store.clock.step(Date.UTC(2026, 5, 1));
      store.batch([at(60 * 24 * 60, "boat"), at(0, "boat")]);
      const found = ask(store, "boat");
      expect(found.supporting[0]!.seq).toBe(1);
      expect(found.scores.map((score) => score.recency)).toEqual([0.05, 0.0167]);
      store.clock.advance(400 * DAY);
      expect(ask(store, "boat").scores).toEqual(found.scores);
    }));

  test("an atom dated in the future does not make all others old", () =>
    withStore((store) => {
      const now = Date.UTC(2026, 5, 1);
      store.clock.step(now);
      const dated = (ms: number, text: string) => ({ ...at(0, text), timestamp: new Date(ms).toISOString() });
      store.batch([dated(now - DAY, "boat yesterday"), dated(now, "boat today")]);
      const before = scoreOf(ask(store, "boat"), "boat yesterday").recency;
      store.batch([dated(now + 3650 * DAY, "boat in the future")]);
      const found = ask(store, "boat");
      expect(scoreOf(found, "boat yesterday").recency).toBe(before);
      expect(scoreOf(found, "boat in the future").recency).toBe(0.05);
    }));
});

describe("the empty question", () => {
  test("gives the newest first where all are equally important", () =>
    withStore((store) => {
      store.clock.step(Date.UTC(2027, 0, 1));
      store.batch([at(3e5, "third"), at(1e5, "first"), at(2e5, "second")]);
      expect(texts(store, "")).toEqual(["third", "second", "first"]);
      expect(ask(store, "  ")).toMatchObject({ text: "", mode: "lexical", warnings: [] });
    }));

  test("one recent atom never hides older, better ones, one of the future hides nothing", () =>
    withStore((store) => {
      store.clock.step(Date.UTC(2027, 0, 1));
      store.batch([
        { ...at(0, "the door code changed"), importance: 1 },
        { ...at(APART, "the doctor called"), importance: 0.9 },
        { ...at(4e5, "it rains"), importance: 0.1 },
        { ...at(9e6, "from the future"), importance: 0.2 },
      ]);
      expect(texts(store, "").slice(0, 2)).toEqual(["the door code changed", "the doctor called"]);
      expect(texts(store, "")).toHaveLength(4);
      expect(texts(store, "", { limit: 1 })).toEqual(["the door code changed"]);
    }));
});

describe("the same log", () => {
  test("gives the same answer and scores after a restart; equals stand newest first", () => {
    const store = new Store();
    store.batch(apart(...Array.from({ length: 40 }, (_, i) => `boat paint ${"shed ".repeat(i % 3)}`)));
    const before = ask(store, "boat shed", { limit: 40 });
    store.restart();
    store.closeReader();
    const after = ask(store, "boat shed", { limit: 40 });
    expect(after.scores).toEqual(before.scores);
    for (let i = 1; i < after.scores.length; i++) {
      const [a, b] = [after.scores[i - 1]!.score, after.scores[i]!.score];
      expect(a).toBeGreaterThanOrEqual(b);
      if (a === b) expect(after.supporting[i - 1]!.seq).toBeGreaterThan(after.supporting[i]!.seq);
    }
    store.finish();
  });

  test("every score is the sum of its signals", () =>
    withStore((store) => {
      store.batch([at(0, "I sail 3 boats on Monday"), at(1, "why?", "bob"), at(900, "boats in May 2026")]);
      for (const { id: _, score, ...signals } of ask(store, "When does Bob sail boats in May 2026?").scores) {
        expect(Object.values(signals).reduce((sum, value) => sum + value, 0)).toBeCloseTo(score, 9);
      }
    }));
});

test("a damaged atom is left out with a warning; the rest is answered", () => {
  const store = new Store();
  // enough atoms for the index to be folded, so that the damaged one is found by its words
  const others = Array.from({ length: LIMITS.textTail }, () => ({ ...at(9e5, "soup"), importance: 0 }));
  store.batch([...apart("boat one", "boat two", "boat three"), ...others]);
  store.db.run("UPDATE atom SET payload = replace(payload, 'two', 'six') WHERE seq = 2");
  for (const text of ["boat", ""]) {
    const found = ask(store, text, { limit: 2 });
    expect(said(found).sort()).toEqual(["boat one", "boat three"]);
    expect(found.scores).toHaveLength(2);
    expect(found.warnings).toContainEqual(expect.stringContaining("1 damaged atom is left out"));
  }
  store.discard();
});
