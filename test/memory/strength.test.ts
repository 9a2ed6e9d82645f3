/** How memories fade and activation spreads. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { calibrated } from "../../src/memory/likeness.ts";
import { spread } from "../../src/memory/spreading.ts";
import { initialStability, retrievability } from "../../src/memory/strength.ts";
import { OUTCOMES } from "../../src/memory/types.ts";
import { MEMORY } from "../engine/harness.ts";

const DAY = 86_400_000;
const days = fc.double({ min: 0.01, max: 3650, noNaN: true });
const target = fc.double({ min: 0.5, max: 0.99, noNaN: true });

test("retrievability is the target when the stability has passed, and FSRS's curve at 0.9", () => {
  fc.assert(
    fc.property(days, target, (stability, wanted) => {
      expect(retrievability(stability, stability * DAY, wanted)).toBeCloseTo(wanted, 9);
    }),
  );
  // FSRS-5: (1 + 19/81 · t/S)^-0.5
  expect(retrievability(2, 10 * DAY, 0.9)).toBeCloseTo((1 + (19 / 81) * 5) ** -0.5, 12);
});

test("retrievability stays in (0, 1], falls with time and is higher for the more stable", () => {
  fc.assert(
    fc.property(days, days, days, target, (stability, elapsed, more, wanted) => {
      const now = retrievability(stability, elapsed * DAY, wanted);
      expect(now).toBeGreaterThan(0);
      expect(now).toBeLessThanOrEqual(1);
      expect(retrievability(stability, (elapsed + more) * DAY, wanted)).toBeLessThan(now);
      expect(retrievability(stability + more, elapsed * DAY, wanted)).toBeGreaterThan(now);
    }),
  );
});

test("a clock that went back makes nothing more than certain", () => {
  expect(retrievability(1, -DAY, 0.9)).toBe(1);
});

test("success is kept longer than failure, the important longer than the trivial; a plain one takes the default", () => {
  const of = (outcome: (typeof OUTCOMES)[number], importance: number) =>
    initialStability(MEMORY, { outcome, importance });
  expect(of("neutral", 0.5)).toBe(MEMORY.defaultStability);
  for (const importance of [0, 0.3, 1]) {
    expect(of("success", importance)).toBeGreaterThan(of("failure", importance));
    expect(of("partial", importance)).toBeGreaterThan(of("neutral", importance));
  }
  for (const outcome of OUTCOMES) expect(of(outcome, 1)).toBeGreaterThan(of(outcome, 0));
});

test("likeness rises with the cosine from 0 to 1; unrelated texts are near 0, paraphrases above a half", () => {
  fc.assert(
    fc.property(
      fc.double({ min: -1, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (a, b) => {
        for (const model of ["static-minilm", "bge-m3", undefined]) {
          const [low, high] = [calibrated(Math.min(a, b), model), calibrated(Math.max(a, b), model)];
          expect(low).toBeGreaterThanOrEqual(0);
          expect(high).toBeLessThanOrEqual(1);
          expect(low).toBeLessThanOrEqual(high);
        }
      },
    ),
  );
  expect([calibrated(0.04, "static-minilm"), calibrated(0.5, "static-minilm") > 0.5]).toEqual([0, true]);
});

const graph = fc.array(fc.tuple(fc.nat(9), fc.nat(9), fc.double({ min: 0.01, max: 1, noNaN: true })), {
  maxLength: 40,
});

test("spreading is bounded: activations halve at least with each step, paths are walks, no node twice", () => {
  fc.assert(
    fc.property(graph, fc.integer({ min: 1, max: 5 }), fc.nat(20), (edges, depth, nodes) => {
      const around = (id: string) =>
        edges.flatMap(([a, b, weight]) => {
          if (String(a) === id && a !== b) return [{ id: String(b), weight }];
          return String(b) === id && a !== b ? [{ id: String(a), weight }] : [];
        });
      const reached = spread("0", around, { depth, threshold: 0.001, nodes: nodes + 1 });
      expect(reached[0]).toEqual({ id: "0", activation: 1, path: ["0"] });
      expect(reached.length).toBeLessThanOrEqual(nodes + 1);
      expect(new Set(reached.map((each) => each.id)).size).toBe(reached.length);
      for (const { id, activation, path } of reached) {
        expect(path.at(-1)).toBe(id);
        expect(path.length - 1).toBeLessThanOrEqual(depth);
        expect(activation).toBeLessThanOrEqual(0.5 ** (path.length - 1));
        for (let at = 1; at < path.length; at++) {
          expect(around(path[at - 1]!).map((each) => each.id)).toContain(path[at]!);
        }
      }
    }),
  );
});
