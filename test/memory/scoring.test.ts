/** Scores of recalled memories: their parts, and what the weights make of them. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { entityScore, episodeScore, skillScore } from "../../src/memory/scoring.ts";
import { type MemorySettings, OUTCOMES, type Outcome } from "../../src/memory/types.ts";
import type { SubjectRow } from "../../src/storage/mod.ts";
import { MEMORY } from "../engine/harness.ts";
import { DAY } from "../storage/harness.ts";

const NOW = 1000 * DAY;
const SUBJECT: SubjectRow = {
  ...{ id: new Uint8Array(16), world: 1, family: 1, head_seq: 1, version: 1 },
  ...{ ts_ms: NOW - 2 * DAY, created_ms: NOW - 2 * DAY, stability: 1, difficulty: 0 },
  ...{ accesses: 0, accessed_ms: 0, reviews: 0, state: "" },
};

const share = fc.double({ min: 0, max: 1, noNaN: true });
const relevance = fc.record({ relevance: share, similarity: share });
const weights = fc.record({
  semanticWeight: share,
  recencyWeight: share,
  outcomeWeight: share,
  importanceWeight: share,
});

const WEIGHT_OF: Record<string, keyof MemorySettings> = {
  semantic: "semanticWeight",
  recency: "recencyWeight",
  outcome: "outcomeWeight",
  importance: "importanceWeight",
};

/** The parts of a score, which must sum to it. */
function partsOf({ score, ...parts }: { score: number } & Record<string, number>): Record<string, number> {
  expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBeCloseTo(score, 10);
  return parts;
}

test("an episode's score is the sum of its four parts, each at most its configured weight and in proportion to it", () => {
  fc.assert(
    fc.property(
      relevance,
      fc.constantFrom(...OUTCOMES),
      share,
      weights,
      (found, outcome, importance, given) => {
        const one = { ...found, subject: SUBJECT, outcome, importance };
        const settings = { ...MEMORY, ...given };
        const parts = partsOf(episodeScore(one, settings, NOW));
        expect(Object.keys(parts)).toEqual(Object.keys(WEIGHT_OF));
        for (const [name, part] of Object.entries(parts)) {
          const key = WEIGHT_OF[name]!;
          expect(part).toBeLessThanOrEqual(settings[key] + 1e-12);
          const doubled = { ...settings, [key]: 2 * settings[key] };
          expect(episodeScore(one, doubled, NOW)[name]).toBeCloseTo(2 * part, 10);
        }
      },
    ),
  );
});

test("each weight alone orders by what it weighs", () => {
  const none = { semanticWeight: 0, recencyWeight: 0, outcomeWeight: 0, importanceWeight: 0 };
  const plain = {
    relevance: 0.5,
    similarity: 0.5,
    subject: SUBJECT,
    outcome: "neutral" as Outcome,
    importance: 0.5,
  };
  const better: [keyof typeof none, Partial<typeof plain>][] = [
    ["semanticWeight", { similarity: 0.9 }],
    ["recencyWeight", { subject: { ...SUBJECT, ts_ms: NOW - DAY } }],
    ["outcomeWeight", { outcome: "success" }],
    ["importanceWeight", { importance: 0.9 }],
  ];
  for (const [weight, change] of better) {
    const score = (one: typeof plain, settings: Partial<typeof none>): number =>
      episodeScore(one, { ...MEMORY, ...none, ...settings }, NOW).score;
    const changed = { ...plain, ...change };
    expect([weight, score(changed, { [weight]: 1 }) > score(plain, { [weight]: 1 })]).toEqual([weight, true]);
    expect([weight, score(changed, {})]).toEqual([weight, score(plain, {})]);
  }
});

test("what was recalled and never helped sinks below what it was expected to be worth", () => {
  const one = {
    relevance: 1,
    similarity: 1,
    subject: SUBJECT,
    outcome: "success" as Outcome,
    importance: 0.5,
  };
  const learnt = { ...one, subject: { ...SUBJECT, state: JSON.stringify({ value: 0.1 }) } };
  const outcomeOf = (of: typeof one): number => episodeScore(of, MEMORY, NOW).outcome!;
  expect([outcomeOf(one), outcomeOf(learnt)].map((part) => part.toFixed(3))).toEqual(["0.150", "0.020"]);
});

test("an entity's score rises with accesses and with what spreads to it, and stays in [0, 1]", () => {
  fc.assert(
    fc.property(
      relevance,
      fc.nat(50),
      fc.double({ min: 0, max: 5, noNaN: true }),
      (found, accesses, spread) => {
        const score = (used: number, context: number): number => {
          const one = entityScore(
            { ...found, subject: { ...SUBJECT, accesses: used }, spread: context },
            MEMORY,
            NOW,
          );
          expect(Object.keys(partsOf(one))).toEqual(["semantic", "activation", "retrievability"]);
          return one.score;
        };
        expect(score(accesses + 1, spread)).toBeGreaterThanOrEqual(score(accesses, spread));
        expect(score(accesses, spread + 0.5)).toBeGreaterThanOrEqual(score(accesses, spread));
        expect(score(accesses, spread)).toBeGreaterThanOrEqual(0);
        expect(score(accesses, spread)).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test("a skill's score rises with its rate of success, and with experience up to ten executions", () => {
  fc.assert(
    fc.property(relevance, share, share, fc.nat(30), (found, a, b, executions) => {
      const score = (rate: number, times: number): number => {
        const one = skillScore({ ...found, rate, executions: times });
        expect(Object.keys(partsOf(one))).toEqual(["semantic", "success", "experience"]);
        return one.score;
      };
      expect(score(Math.max(a, b), executions)).toBeGreaterThanOrEqual(score(Math.min(a, b), executions));
      if (executions < 10) expect(score(a, executions + 1)).toBeGreaterThan(score(a, executions));
      else expect(score(a, executions + 1)).toBe(score(a, executions));
      expect(score(a, executions)).toBeLessThanOrEqual(1 + 1e-12);
    }),
  );
});
