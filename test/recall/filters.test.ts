import { describe, expect, test } from "bun:test";
import type { AtomFilter } from "../../src/atom/mod.ts";
import { LIMITS } from "../../src/base/mod.ts";
import { faultOf, type Store, withStore } from "../storage/harness.ts";
import { APART, apart, ask, at, texts } from "./harness.ts";

/** Many atoms that fit the question better and are newer than the one that fits the filter. */
function crowd(store: Store, size: number): void {
  store.batch([
    {
      ...at(0, "boat paint bought in the village long ago", "bob"),
      labels: ["shed"],
      flags: ["seen"],
      kind: "plan",
      importance: 0.9,
    },
  ]);
  const others = Array.from({ length: size }, (_, i) => at((i + 2) * APART, "boat paint", "carol"));
  for (let i = 0; i < size; i += 1000) store.batch(others.slice(i, i + 1000));
}

const FILTERS: AtomFilter[] = [
  { labels: ["shed"] },
  { flags: ["seen"] },
  { workers: ["bob"] },
  { kinds: ["plan"] },
  { min_importance: 0.9 },
  { until: "2026-01-01T00:00:00.000Z" },
  { since: "2025-12-31T00:00:00.000Z", until: "2026-01-01T00:00:00.000Z" },
  { labels: ["shed"], flags: ["seen"], workers: ["bob"] },
];

describe("a filter never starves the answer", () => {
  test("however many better matches it takes out", () =>
    withStore((store) => {
      crowd(store, LIMITS.askPostings + 200);
      for (const filter of FILTERS) {
        for (const text of ["boat paint", "boat", "village boat", ""]) {
          expect([filter, text, texts(store, text, { filter })]).toEqual([
            filter,
            text,
            ["boat paint bought in the village long ago"],
          ]);
        }
      }
    }));

  test("nor when it lets through many that all fit the question less", () =>
    withStore((store) => {
      const many = (text: string, labels: string[], from: number): void => {
        const atoms = Array.from({ length: 3000 }, (_, i) => ({ ...at((from + i) * APART, text), labels }));
        for (let i = 0; i < atoms.length; i += 1000) store.batch(atoms.slice(i, i + 1000));
      };
      many("a boat, some paint and much else that one finds in a village", ["shed"], 0);
      many("boat paint", [], 3000);
      for (const filter of [{ labels: ["shed"] }, { until: at(2999 * APART, "").timestamp }]) {
        for (const text of ["boat paint", "village boat", ""]) {
          const found = ask(store, text, { filter, limit: 100 }).supporting;
          expect(found.map(({ labels }) => labels)).toEqual(Array(100).fill('["shed"]'));
        }
      }
    }));

  test("atoms in quarantine starve nothing either, and come only when asked for", () =>
    withStore((store) => {
      store.batch([at(0, "boat paint in the shed")]);
      const hidden = Array.from({ length: 1500 }, (_, i) => ({
        ...at((i + 2) * APART, `boat paint ${i}`),
        flags: ["quarantine"],
      }));
      for (let i = 0; i < hidden.length; i += 500) store.batch(hidden.slice(i, i + 500));
      expect(texts(store, "boat paint")).toEqual(["boat paint in the shed"]);
      expect(texts(store, "")).toEqual(["boat paint in the shed"]);
      expect(texts(store, "boat paint", { filter: { flags: ["quarantine"] } })).toHaveLength(10);
      expect(texts(store, "", { filter: { flags: ["quarantine"] } })).toHaveLength(10);
    }));
});

describe("what a filter lets through", () => {
  test("all labels must be there", () =>
    withStore((store) => {
      store.batch([
        { ...at(0, "boat one"), labels: ["a", "b"] },
        { ...at(APART, "boat two"), labels: ["a"] },
      ]);
      expect(texts(store, "boat", { filter: { labels: ["a", "b"] } })).toEqual(["boat one"]);
      expect(texts(store, "boat", { filter: { labels: ["a", "c"] } })).toEqual([]);
    }));

  test("times are inclusive", () =>
    withStore((store) => {
      const [first, second] = apart("boat one", "boat two");
      store.batch([first!, second!]);
      expect(texts(store, "boat", { filter: { until: first!.timestamp } })).toEqual(["boat one"]);
      expect(texts(store, "boat", { filter: { since: second!.timestamp } })).toEqual(["boat two"]);
    }));

  test("neighbours that it keeps out are no answers", () =>
    withStore((store) => {
      store.batch([at(0, "where is the boat?", "ann"), at(1, "in the shed", "bob")]);
      expect(texts(store, "boat", { filter: { workers: ["ann"] } })).toEqual(["where is the boat?"]);
      expect(texts(store, "boat", { filter: { workers: ["bob"] } })).toEqual([]);
    }));

  test("of limit and filter.limit the smaller holds", () =>
    withStore((store) => {
      store.batch(apart(...Array.from({ length: 30 }, (_, i) => `boat ${i}`)));
      const count = (request: object) => ask(store, "boat", request).supporting.length;
      expect(count({})).toBe(LIMITS.askDefault);
      expect(count({ limit: 20 })).toBe(20);
      expect(count({ limit: 20, filter: { limit: 3 } })).toBe(3);
      expect(count({ limit: 2, filter: { limit: 30 } })).toBe(2);
      expect(ask(store, "", { limit: 20, filter: { limit: 4 } }).supporting).toHaveLength(4);
    }));

  test("old versions of a subject and forgotten atoms are out", () =>
    withStore((store) => {
      const subject = { id: new Uint8Array(16).fill(7), family: 1, stability: 1 };
      store.remember(at(0, "boat is red"), subject);
      store.remember(at(APART, "boat is blue"), subject);
      const id = store.remember(at(3 * APART, "boat is green"));
      store.forget(id);
      expect(texts(store, "boat")).toEqual(["boat is blue"]);
      expect(texts(store, "")).toEqual(["boat is blue"]);
    }));
});

describe("refusals", () => {
  test("a world that is not there", () =>
    withStore((store) => {
      expect(faultOf(() => ask(store, "boat", { world: "moon" })).code).toBe("not_found");
    }));

  test("the deadline ends an ask between words", () =>
    withStore((store) => {
      store.batch(apart("boat paint"));
      let left = 3;
      const checkDeadline = (): void => {
        if (left-- === 0) throw new Error("late");
      };
      expect(() => ask(store, "boat paint shed garden", {}, { checkDeadline })).toThrow("late");
    }));
});
