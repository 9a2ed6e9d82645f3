/** A short campaign of flipped bits; `npm run test:flips` is the long one. */
import { expect, test } from "bun:test";
import { flips } from "../../scripts/flips.ts";

test.each([
  ["plain", false],
  ["encrypted", true],
])(
  "single flipped bits of a store that is %s are detected, or in unused space; no answer is ever wrong",
  async (_, encrypted) => {
    const rounds = 30;
    const report = await flips({ rounds, seed: 20_261_125, encrypted });
    expect(report.failures).toEqual([]);
    expect(report.detected + report.unused).toBe(rounds);
    expect(report.byTarget.wal.unused).toBeLessThan(rounds / 10);
    expect(report.detected).toBeGreaterThan(rounds / 2);
  },
);
