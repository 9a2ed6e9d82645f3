/** A full disk stops what grows and nothing else; the ballast pays for what frees space. */
import { describe, expect, test } from "bun:test";
import { existsSync, rmSync, statSync } from "node:fs";
import { LIMITS, layout, ManualClock } from "../../src/base/mod.ts";
import { DiskBudget } from "../../src/storage/disk-budget.ts";
import { forgetAtom, insertAtom, manageWorld } from "../../src/storage/mod.ts";
import { Reserve } from "../../src/storage/reserve.ts";
import { faultOf, note, type Store, tempDir, withStore } from "./harness.ts";

const LARGE = "x".repeat(200_000);

/** SQLite's own bound on the file stands in for the disk's. */
function fill(store: Store): void {
  const { page_count } = store.db.query<{ page_count: number }, []>("PRAGMA page_count").get()!;
  store.db.run(`PRAGMA max_page_count=${page_count + 1}`);
}

describe("the ballast", () => {
  test("is made in the first quiet moment and given up when the disk is full", () => {
    const place = layout(tempDir());
    const reserve = new Reserve(place, new DiskBudget(place, undefined, new ManualClock()));
    expect(existsSync(place.ballast)).toBe(false);
    reserve.restore();
    expect(statSync(place.ballast).size).toBe(LIMITS.ballastBytes);
    expect(reserve.release()).toBe(true);
    expect([reserve.full, existsSync(place.ballast)]).toEqual([true, false]);
    expect(reserve.release()).toBe(false);
    reserve.restore();
    expect([reserve.full, existsSync(place.ballast)]).toEqual([false, true]);
    rmSync(place.dir, { recursive: true, force: true });
  });

  test("a node makes it when it is idle", () =>
    withStore((store) => {
      store.remember("owl");
      store.pass(2 * LIMITS.retentionEveryMs);
      expect(existsSync(layout(store.dir).ballast)).toBe(true);
    }));
});

describe("while the disk is full", () => {
  test("memories and new worlds are refused, forgetting goes through, and what is there is read", () =>
    withStore((store) => {
      const [id] = store.batch([note("owl"), note("crow")]);
      store.pass(2 * LIMITS.retentionEveryMs);
      fill(store);
      const [stored, forgotten] = store.writer.commit<unknown>([
        (ctx) => insertAtom(ctx, note({ payload_json: LARGE })),
        (ctx) => forgetAtom(ctx, store.read((reader) => reader.atomById(id!))!, "key"),
      ]);
      expect("fault" in stored! && stored.fault).toMatchObject({ code: "disk_full" });
      expect(forgotten).toEqual({ value: undefined });
      expect(store.writer.status().full).toBe(true);
      expect(store.replay()).toEqual(['{"text":"crow"}']);
      const refused = faultOf(() => {
        const [outcome] = store.writer.commit([
          (ctx) => {
            ctx.reserve.full = true;
            manageWorld(ctx, { action: "create", world: "new" });
          },
        ]);
        if ("fault" in outcome!) throw outcome.fault;
      });
      expect(refused.code).toBe("disk_full");
    }));

  test("writing resumes by itself when there is room", () =>
    withStore((store) => {
      store.remember("owl");
      fill(store);
      expect(faultOf(() => store.remember({ payload_json: LARGE })).code).toBe("disk_full");
      store.db.run("PRAGMA max_page_count=1000000");
      store.remember("crow");
      expect([store.replay(), store.writer.status().full]).toEqual([
        ['{"text":"owl"}', '{"text":"crow"}'],
        false,
      ]);
    }));
});
