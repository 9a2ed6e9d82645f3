/** What a node writes to its card, in a day of running. */
import { expect, test } from "bun:test";
import { LIMITS } from "../../src/base/mod.ts";
import { storeStats } from "../../src/storage/mod.ts";
import { withStore } from "./harness.ts";

const HOUR = 3_600_000;

test("is noted while the node runs and when it stops, and averaged over its running", () =>
  withStore((store) => {
    for (let n = 0; n < 10; n++) store.remember(`memory ${n}`);
    const early = store.writer.status();
    expect(early.fsyncs).toBeGreaterThanOrEqual(10);
    store.clock.advance(HOUR);
    const { wear, fsyncs } = store.writer.status();
    expect(wear.fsyncs_per_day).toBe(fsyncs * 24);
    store.restart();
    const noted = storeStats(store.dir).fsyncs_per_day;
    expect(noted).toBeGreaterThanOrEqual(fsyncs * 24);
    store.pass(23 * HOUR);
    // a day with little to do brings the average down
    expect(store.writer.status().wear.fsyncs_per_day).toBeLessThan(noted / 2);
  }));

test("a note is made about every hour, not more often", () =>
  withStore((store) => {
    store.remember("owl");
    store.pass(2000);
    const before = store.writer.status().commits;
    store.pass(LIMITS.wearNoteMs * 3);
    expect(store.writer.status().commits - before).toBeLessThanOrEqual(4);
  }));
