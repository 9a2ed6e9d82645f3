/** Learning by three factors, ties by use, and how readily an entity comes to mind: the formulas. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { accessed, activation, baseLevel } from "../../src/memory/activation.ts";
import { strengthened, weakened, weightNow } from "../../src/memory/hebbian.ts";
import { lesson } from "../../src/memory/learning.ts";

const DAY = 86_400_000;
const share = fc.double({ min: 0, max: 1, noNaN: true });
const part = fc.record({ reward: share, expected: share, eligibility: share, outcome: share });

test("weights stay in [0, 1] whatever happens to them; strengthening never lowers one, weakening never raises one", () => {
  fc.assert(
    fc.property(share, fc.array(fc.tuple(fc.boolean(), share)), (start, steps) => {
      let weight = start;
      for (const [up, rate] of steps) {
        const next = up ? strengthened(weight, rate) : weakened(weight, rate);
        if (up) expect(next).toBeGreaterThanOrEqual(weight);
        else expect(next).toBeLessThanOrEqual(weight);
        expect(next).toBeGreaterThanOrEqual(0);
        expect(next).toBeLessThanOrEqual(1);
        weight = next;
      }
    }),
  );
  expect(strengthened(0.5, 0.1)).toBeCloseTo(0.55, 12);
});

test("a tie fades from a day after its last use on, by half in thirty days; looking at it changes nothing", () => {
  const edge = { weight: 0.8, used_ms: 1000 * DAY };
  expect(weightNow(edge, 1001 * DAY)).toBe(0.8);
  expect(weightNow(edge, 999 * DAY)).toBe(0.8);
  expect(weightNow(edge, 1031 * DAY)).toBeCloseTo(0.4, 12);
  fc.assert(
    fc.property(share, fc.nat(4000), fc.nat(4000), (weight, a, b) => {
      const [soon, late] = [Math.min(a, b), Math.max(a, b)];
      expect(weightNow({ weight, used_ms: 0 }, late * DAY)).toBeLessThanOrEqual(
        weightNow({ weight, used_ms: 0 }, soon * DAY),
      );
    }),
  );
});

test("lessons are bounded: expectations stay in [0, 1] and move towards the reward, gates stay in [0, 1]", () => {
  fc.assert(
    fc.property(part, fc.boolean(), (given, threeFactors) => {
      const { surprise, gate, value } = lesson(given, threeFactors);
      expect(Math.abs(surprise)).toBeLessThanOrEqual(1);
      expect(gate).toBeGreaterThanOrEqual(0);
      expect(gate).toBeLessThanOrEqual(1);
      const [low, high] = [Math.min(given.expected, given.reward), Math.max(given.expected, given.reward)];
      expect(value).toBeGreaterThanOrEqual(low - 1e-12);
      expect(value).toBeLessThanOrEqual(high + 1e-12);
    }),
  );
});

test("each of the three factors counts; without them a change is taken whole", () => {
  const base = { reward: 1, expected: 0.5, eligibility: 0.8, outcome: 0.9 };
  const gate = (change: Partial<typeof base>): number => lesson({ ...base, ...change }, true).gate;
  expect(gate({ eligibility: 0.4 })).toBeCloseTo(gate({}) / 2, 12);
  expect(gate({ expected: 0.1 })).toBeGreaterThan(gate({}));
  expect(gate({ outcome: 0.5 })).toBeLessThan(gate({}));
  expect(gate({ eligibility: 0 })).toBe(0);
  expect(lesson(base, false).gate).toBe(1);
});

test("what proves itself again and again comes to be expected", () => {
  let expected = 0.5;
  const surprises: number[] = [];
  for (let i = 0; i < 12; i++) {
    const learnt = lesson({ reward: 1, expected, eligibility: 1, outcome: 1 }, true);
    surprises.push(learnt.surprise);
    expected = learnt.value;
  }
  expect(surprises.every((each, at) => at === 0 || each < surprises[at - 1]!)).toBe(true);
  expect(expected).toBeGreaterThan(0.95);
});

const NOW = 1000 * DAY;
const row = (accesses: number, ageDays: number) => ({ accesses, created_ms: NOW - ageDays * DAY });

test("the base level is ACT-R's sum for accesses that are kept one by one", () => {
  const recent = [NOW - DAY, NOW - 4 * DAY];
  const exact = Math.log(24 ** -0.5 + 96 ** -0.5 + 240 ** -0.5);
  expect(baseLevel(row(2, 10), { recent }, NOW)).toBeCloseTo(exact, 12);
});

test("evenly spread accesses come near the exact sum by Petrov's approximation", () => {
  const times = Array.from({ length: 100 }, (_, i) => NOW - (i + 1) * DAY);
  const exact = Math.log(
    times.reduce((sum, ms) => sum + ((NOW - ms) / 3_600_000) ** -0.5, (101 * 24) ** -0.5),
  );
  expect(baseLevel(row(100, 101), { recent: times.slice(0, 10) }, NOW)).toBeCloseTo(exact, 1);
});

test("activation falls with time, rises with each access and with what spreads to it, and is a probability", () => {
  fc.assert(
    fc.property(
      fc.nat(50),
      fc.integer({ min: 1, max: 2000 }),
      fc.array(fc.nat(500), { maxLength: 10 }),
      share,
      (more, age, ages, spread) => {
        const recent = ages.map((days) => NOW - Math.min(days, age) * DAY).sort((a, b) => b - a);
        const subject = row(recent.length + more, age);
        const now = activation(subject, { recent }, spread, NOW);
        expect(now).toBeGreaterThanOrEqual(0);
        expect(now).toBeLessThanOrEqual(1);
        expect(activation(subject, { recent }, spread, NOW + DAY)).toBeLessThanOrEqual(now);
        expect(activation(subject, { recent }, spread + 0.5, NOW)).toBeGreaterThanOrEqual(now);
        const once = { ...subject, accesses: subject.accesses + 1 };
        expect(baseLevel(once, { recent: accessed(recent, NOW) }, NOW)).toBeGreaterThanOrEqual(
          baseLevel(subject, { recent }, NOW),
        );
      },
    ),
  );
});
