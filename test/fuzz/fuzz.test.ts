/** Parsers of bytes from outside refuse what is wrong and survive everything; the long run is `npm run fuzz`. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fuzz } from "../../scripts/fuzz/fuzz.ts";
import type { Target } from "../../scripts/fuzz/target.ts";
import { TARGETS } from "../../scripts/fuzz/targets.ts";
import { Fault } from "../../src/base/mod.ts";

/** Enough to meet the refusals of each target, and short enough for every test run. */
const CASES = 1500;

describe("takes or refuses, and nothing else", () => {
  test.each(Object.keys(TARGETS))("%s", async (name) => {
    const made = await TARGETS[name]!();
    const report = await fuzz(made, CASES);
    const refused = Object.values(report.refused).reduce((sum, n) => sum + n, 0);
    expect(report.accepted + refused).toBe(CASES);
    // both sides were reached: a target that never accepts, or never refuses, tests nothing
    expect(report.accepted).toBeGreaterThan(0);
    if (made.refusals.length > 0) expect(refused).toBeGreaterThan(0);
  });
});

describe("a parser that is not like that is found", () => {
  const broken = (run: (input: number) => unknown): Target => ({
    name: "broken",
    cases: fc.nat(100),
    refusals: ["invalid_input"],
    run: run as Target["run"],
  });
  test.each([
    ["throws an error that is no refusal", (n: number) => JSON.parse(n > 50 ? "{" : "1")],
    [
      "refuses with a code that is not its own",
      () => {
        throw new Fault("internal_error", "a bug");
      },
    ],
  ])("%s", async (_, run) => {
    await expect(fuzz(broken(run), 200)).rejects.toThrow();
  });
});
