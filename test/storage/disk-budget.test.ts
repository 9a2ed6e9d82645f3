/** The disk budget: the data directory never takes more, what frees space goes on, and writing resumes by itself. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesToId, LIMITS, layout, MB } from "../../src/base/mod.ts";
import { directoryBytes } from "../../src/storage/disk-budget.ts";
import { insertAtom, type WriteContext } from "../../src/storage/mod.ts";
import { faultOf, note, type Store, withPlainStore } from "./harness.ts";

const BUDGET = 12 * MB;
const OPTIONS = { diskBudget: BUDGET };

/** The budget is asked anew after so long. */
const SCAN_MS = 200;

const used = (store: Store): number => directoryBytes(store.dir);

let serial = 0;
/** An atom with words of its own, so that the text index grows too. */
function wordy(bytes: number): ReturnType<typeof note> {
  let text = "";
  while (text.length < bytes) text += `w${(serial++ * 7919).toString(36)} `;
  return note({ payload_json: JSON.stringify({ text }) });
}

/** Writes groups until one is refused. @returns how many went through, and the most that the directory took */
function fill(store: Store, atoms: number, bytes: number): { groups: number; peak: number } {
  let peak = 0;
  for (let groups = 0; groups < 5000; groups++) {
    const [outcome] = store.writer.commit([
      (ctx) => Array.from({ length: atoms }, () => insertAtom(ctx, wordy(bytes))),
    ]);
    peak = Math.max(peak, used(store));
    if ("fault" in outcome!) {
      expect(outcome.fault).toMatchObject({ code: "disk_full", status: 507 });
      return { groups, peak };
    }
    store.pass(SCAN_MS, groups % 7 === 0);
    peak = Math.max(peak, used(store));
  }
  throw new Error("the budget was never reached");
}

describe("a disk budget", () => {
  for (const [what, atoms, bytes] of [
    ["single memories", 1, 8000],
    ["batches", 200, 300],
    ["large memories", 1, 200_000],
    ["batches of large memories", 30, 50_000],
  ] as const) {
    test(`is never exceeded by ${what}, the refusal changes nothing`, () =>
      withPlainStore((store) => {
        store.pass(1);
        const { groups, peak } = fill(store, atoms, bytes);
        expect(groups).toBeGreaterThan(0);
        expect(peak).toBeLessThanOrEqual(BUDGET);
        expect(store.replay().length).toBe(groups * atoms);
      }, OPTIONS));
  }

  test("a batch that is too large is refused alone: a smaller one still finds room", () =>
    withPlainStore((store) => {
      store.pass(1);
      fill(store, 400, 2000);
      expect(store.writer.status().full).toBe(false);
      store.pass(SCAN_MS);
      store.remember("a small one");
      expect(store.replay().at(-1)).toContain("a small one");
    }, OPTIONS));

  test("what grows is refused; forgetting goes on, gives the space back, and writing resumes by itself", () =>
    withPlainStore((store) => {
      store.pass(1);
      fill(store, 1, 30_000);
      expect(["tight", "critical"]).toContain(store.writer.status().disk.stage);
      const refused = faultOf(() => store.remember("more"));
      expect([refused.code, refused.message]).toEqual([
        "disk_full",
        expect.stringContaining("node.limits.max_disk_mb"),
      ]);
      const ids = store.read(
        (reader) => reader.replay(reader.world("home")!, {}, 0, 60, (row) => row.id).atoms,
      );
      store.forget(...ids.map(bytesToId));
      expect(used(store)).toBeLessThanOrEqual(BUDGET);
      store.pass(2 * LIMITS.forgetPurgeMs);
      store.remember("there is room again");
      expect(store.writer.status()).toMatchObject({ full: false });
      expect(used(store)).toBeLessThanOrEqual(BUDGET);
    }, OPTIONS));

  test("retention frees what a policy allows, as soon as the budget is short", () =>
    withPlainStore((store) => {
      store.pass(1);
      store.policy("home", { max_bytes: MB });
      for (let n = 0; n < 600; n++) {
        store.writer.commit([(ctx) => insertAtom(ctx, wordy(20_000))]);
        store.pass(200, false);
        expect(used(store)).toBeLessThanOrEqual(BUDGET);
      }
      const { evictions } = store.writer.status();
      expect(evictions).toBeGreaterThan(100);
      store.pass(2 * LIMITS.retentionEveryMs);
      store.remember("after all that");
    }, OPTIONS));

  test("temporary files and indexes count, the copy that a migration keeps does not", () =>
    withPlainStore((store) => {
      store.pass(1);
      const place = layout(store.dir);
      writeFileSync(place.migrationCopy, Buffer.alloc(BUDGET));
      store.pass(SCAN_MS);
      store.remember("beside a copy");
      mkdirSync(place.index, { recursive: true });
      writeFileSync(join(place.index, "some.tmp"), Buffer.alloc(BUDGET));
      store.pass(SCAN_MS);
      expect(faultOf(() => store.remember("beside an index")).code).toBe("disk_full");
      rmSync(place.index, { recursive: true });
      rmSync(place.migrationCopy);
      store.pass(SCAN_MS);
      store.remember("when they are gone");
    }, OPTIONS));

  test("the ballast counts from the moment when it is made again", () =>
    withPlainStore((store) => {
      store.pass(1);
      const place = layout(store.dir);
      mkdirSync(place.index, { recursive: true });
      const other = join(place.index, "some.tmp");
      writeFileSync(other, Buffer.alloc(8 * MB));
      store.pass(SCAN_MS);
      store.pass(SCAN_MS);
      expect(store.writer.status().full).toBe(true);
      const large = note({ payload_json: "x".repeat(200_000) });
      const many = (ctx: WriteContext) => Array.from({ length: 18 }, () => insertAtom(ctx, large));
      const { db } = store;
      // nobody has looked since: the commit itself finds that writing can go on
      writeFileSync(other, Buffer.alloc(2 * MB));
      store.clock.advance(SCAN_MS);
      store.writer.commit([many]);
      // most is taken when a checkpoint has copied the log and not yet cut it
      db.run("PRAGMA wal_checkpoint(PASSIVE)");
      expect(used(store)).toBeLessThanOrEqual(BUDGET);
      expect(store.writer.status().full).toBe(false);
      rmSync(place.index, { recursive: true });
    }, OPTIONS));

  test("without one, nothing is bounded but by the disk", () =>
    withPlainStore((store) => {
      store.remember("owl");
      expect(store.writer.status().disk).toEqual({ used: 0, budget: 0, stage: "ok" });
    }));
});
