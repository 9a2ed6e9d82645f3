/** How memories fade, and what feedback makes of that. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { initialStability, retrievability, retrievabilityOf, review } from "../../src/memory/strength.ts";
import { OUTCOMES } from "../../src/memory/types.ts";
import { calibrated } from "../../src/recall/likeness.ts";
import type { SubjectRow } from "../../src/storage/mod.ts";
import { MEMORY } from "../engine/harness.ts";

const DAY = 86_400_000;
const days = fc.double({ min: 0.01, max: 3650, noNaN: true });
const target = fc.double({ min: 0.5, max: 0.99, noNaN: true });

// ts-fsrs rounds to eight digits
const DIGITS = 7;
const ROUNDING = 1e-7;

test("retrievability is the target when the stability has passed, and FSRS-6's curve at 0.9", () => {
  fc.assert(
    fc.property(days, target, (stability, wanted) => {
      expect(retrievability(stability, stability * DAY, wanted)).toBeCloseTo(wanted, DIGITS);
    }),
  );
  const decay = -0.1542;
  const factor = 0.9 ** (1 / decay) - 1;
  expect(retrievability(2, 10 * DAY, 0.9)).toBeCloseTo((1 + factor * 5) ** decay, 6);
});

test("retrievability stays in (0, 1], falls with time and is higher for the more stable", () => {
  fc.assert(
    fc.property(days, days, days, target, (stability, elapsed, more, wanted) => {
      const now = retrievability(stability, elapsed * DAY, wanted);
      expect(now).toBeGreaterThan(0);
      expect(now).toBeLessThanOrEqual(1);
      expect(retrievability(stability, (elapsed + more) * DAY, wanted)).toBeLessThan(now + ROUNDING);
      expect(retrievability(stability + more, elapsed * DAY, wanted)).toBeGreaterThan(now - ROUNDING);
    }),
  );
  expect(retrievability(1, 7 * DAY, 0.9)).toBeLessThan(retrievability(1, DAY, 0.9));
  expect(retrievability(7, 7 * DAY, 0.9)).toBeGreaterThan(retrievability(1, 7 * DAY, 0.9));
});

const subject = fc.record({
  stability: days,
  difficulty: fc.double({ min: 1, max: 10, noNaN: true }),
  elapsed: days,
  gate: fc.double({ min: 0, max: 1, noNaN: true }),
});
const NOW = 20_000 * DAY;
const heldFor = (stability: number, difficulty: number, elapsed: number): SubjectRow => ({
  ...{ id: new Uint8Array(16), world: 1, family: 1, head_seq: 1, version: 1, created_ms: 0, state: "" },
  ...{ ts_ms: NOW - elapsed * DAY, stability, difficulty, accesses: 0, accessed_ms: 0, reviews: 0 },
});
const reward = (min: number, max: number) => fc.double({ min, max, noNaN: true });

test("after a success a memory is fresh, lasts no shorter, and is easier to recall at any later time", () => {
  fc.assert(
    fc.property(subject, reward(0.5, 1), days, ({ stability, difficulty, elapsed, gate }, worth, later) => {
      const before = heldFor(stability, difficulty, elapsed);
      const after = { ...before, ...review(before, { reward: worth, gate }, MEMORY, NOW) };
      expect(retrievabilityOf(after, MEMORY, NOW)).toBe(1);
      expect(after.stability).toBeGreaterThanOrEqual(before.stability * (1 - ROUNDING));
      expect(after).toMatchObject({ reviews: 1, accesses: 1, accessed_ms: NOW });
      const then = NOW + later * DAY;
      expect(retrievabilityOf(after, MEMORY, then)).toBeGreaterThanOrEqual(
        retrievabilityOf(before, MEMORY, then) - ROUNDING,
      );
    }),
  );
});

test("recalled in vain it loses at most a quarter of its stability, and counts as no review", () => {
  fc.assert(
    fc.property(subject, reward(0, 0.499), ({ stability, difficulty, elapsed, gate }, worth) => {
      const before = heldFor(stability, difficulty, elapsed);
      const after = { ...before, ...review(before, { reward: worth, gate }, MEMORY, NOW) };
      expect(after.stability).toBeLessThanOrEqual(before.stability * (1 + ROUNDING));
      expect(after.stability).toBeGreaterThanOrEqual(before.stability * 0.75 - ROUNDING);
      expect(after).toMatchObject({ reviews: 0, accesses: 0, accessed_ms: 0 });
    }),
  );
});

test("a memory is stronger after a success than after a failure, and after a better one than after a worse", () => {
  fc.assert(
    fc.property(subject, reward(0, 1), reward(0, 1), ({ stability, difficulty, elapsed }, one, other) => {
      const [worse, better] = [Math.min(one, other), Math.max(one, other)];
      const before = heldFor(stability, difficulty, elapsed);
      const of = (worth: number): number =>
        review(before, { reward: worth, gate: 1 }, MEMORY, NOW).stability!;
      expect(of(better)).toBeGreaterThanOrEqual(of(worse) - ROUNDING);
    }),
  );
  const before = heldFor(1, 5, 7);
  const of = (worth: number): number => review(before, { reward: worth, gate: 1 }, MEMORY, NOW).stability!;
  expect(of(1)).toBeGreaterThan(2 * of(0));
});

test("a spaced review strengthens more than one at once", () => {
  const after = (elapsed: number): number =>
    review(heldFor(3, 5, elapsed), { reward: 1, gate: 1 }, MEMORY, NOW).stability!;
  expect(after(3)).toBeGreaterThan(after(0.1));
  expect(after(10)).toBeGreaterThan(after(3));
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
