/** What all threads share: flags with their shares, counted askings, and the gate. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Fault } from "../../src/base/mod.ts";
import { ALL_WORK, ControlCells, FLAGS, GATE } from "../../src/control/mod.ts";

const UNITS = Array.from({ length: 2000 }, (_, i) => `session-${i}`);

function codeOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as Fault).code;
  }
}

describe("flags", () => {
  test("stand at their defaults until they are set, and are asked on every thread alike", () => {
    const main = new ControlCells();
    const thread = new ControlCells(main.buffer);
    for (const { name, enabled } of FLAGS) expect(thread.enabled(name)).toBe(enabled);
    main.set("telemetry", { enabled: false, rollout_percentage: 100 });
    expect([thread.enabled("telemetry"), thread.enabled("lability_window")]).toEqual([false, true]);
    expect([main.usage("telemetry"), main.usage("lability_window"), main.usage("ff_encoder")]).toEqual([
      2, 2, 1,
    ]);
  });

  test("are on for a stable part of the units, about as large as the share", () => {
    const cells = new ControlCells();
    for (const share of [0, 10, 50, 90, 100]) {
      cells.set("telemetry", { enabled: true, rollout_percentage: share });
      const on = UNITS.filter((unit) => cells.enabled("telemetry", unit));
      expect(Math.abs(on.length / UNITS.length - share / 100)).toBeLessThan(0.04);
      expect(UNITS.filter((unit) => cells.enabled("telemetry", unit))).toEqual(on);
    }
    cells.set("telemetry", { enabled: false, rollout_percentage: 100 });
    expect(UNITS.some((unit) => cells.enabled("telemetry", unit))).toBe(false);
  });

  test("a growing share only adds units, and another flag takes another part", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 100 }),
        (unit, a, b) => {
          const cells = new ControlCells();
          const on = (share: number) => {
            cells.set("telemetry", { enabled: true, rollout_percentage: share });
            return cells.enabled("telemetry", unit);
          };
          return !on(Math.min(a, b)) || on(Math.max(a, b));
        },
      ),
    );
    const cells = new ControlCells();
    for (const flag of ["telemetry", "lability_window"] as const)
      cells.set(flag, { enabled: true, rollout_percentage: 50 });
    const same = UNITS.filter(
      (unit) => cells.enabled("telemetry", unit) === cells.enabled("lability_window", unit),
    );
    expect(Math.abs(same.length / UNITS.length - 0.5)).toBeLessThan(0.05);
  });

  test("without a unit, a flag that is not on for all is off", () => {
    const cells = new ControlCells();
    cells.set("telemetry", { enabled: true, rollout_percentage: 99.99 });
    expect([cells.enabled("telemetry"), cells.isWhole("telemetry")]).toEqual([false, false]);
  });
});

describe("the gate", () => {
  test("stops what main says, on every thread from then on", () => {
    const main = new ControlCells();
    const thread = new ControlCells(main.buffer);
    const seen = () => [
      thread.resting,
      codeOf(() => thread.require("writes")),
      codeOf(() => thread.require("reads")),
    ];
    expect(seen()).toEqual([false, undefined, undefined]);
    main.stop(GATE.background);
    expect(seen()).toEqual([true, undefined, undefined]);
    main.stop(GATE.background | GATE.writes);
    expect(seen()).toEqual([true, "read_only", undefined]);
    main.stop(ALL_WORK);
    expect(seen()).toEqual([true, "maintenance", "maintenance"]);
    main.stop(0);
    expect(seen()).toEqual([false, undefined, undefined]);
  });
});
