/** What the engine does when memory is short. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { LIMITS } from "../../src/base/mod.ts";
import { atom, contentOf, FIRM, Fixture, JSON_WANTED } from "./harness.ts";

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.open();
});
afterEach(() => fixture.finish());

interface Answered {
  mode: string;
  warnings: string[];
  supporting_atoms: { id: string }[];
}

const ask = async (world: string): Promise<Answered> =>
  contentOf(await fixture.engine.ask(fixture.me, { world, text: "number seven" }, JSON_WANTED));

/** So many atoms of a world are scanned without keeping vectors. */
const SLAB_ROWS = 4096;

async function fill(world: string, count: number): Promise<void> {
  for (let n = 0; n < count; n += LIMITS.batchAtoms) {
    const items = Array.from({ length: Math.min(LIMITS.batchAtoms, count - n) }, (_, i) =>
      atom(`number ${n + i}`, { world }),
    );
    await fixture.engine.rememberBatch(fixture.me, items, FIRM, JSON_WANTED);
  }
}

test("tight: small worlds are scanned, large ones are found by words and the answer says so; then all is as before", async () => {
  await fill("small", 50);
  await fill("large", SLAB_ROWS + 100);
  expect([(await ask("small")).mode, (await ask("large")).mode]).toEqual(["exact", "exact"]);
  fixture.engine.press("tight");
  fixture.engine.shed();
  expect((await ask("small")).mode).toBe("exact");
  const large = await ask("large");
  expect(large.mode).toBe("lexical");
  expect(large.warnings.join()).toContain("short of memory");
  expect(large.supporting_atoms.length).toBeGreaterThan(0);
  fixture.engine.press("ok");
  expect((await ask("large")).mode).toBe("exact");
});

test("tight halves the queues", async () => {
  await fill("w", 1);
  fixture.engine.press("tight");
  const asked = Array.from({ length: LIMITS.workerRequests }, () =>
    fixture.engine.replay(fixture.me, { world: "w" }, JSON_WANTED),
  );
  const settled = await Promise.allSettled(asked);
  expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(LIMITS.workerRequests / 2);
});

test("critical: what was taken is finished, new work is refused, and is taken again afterwards", async () => {
  const taken = fixture.remember(atom("taken"));
  fixture.engine.press("critical");
  const id = await taken;
  const refused = await Promise.allSettled([fixture.remember(atom("late")), fixture.get(id)]);
  for (const outcome of refused) {
    expect(outcome).toMatchObject({
      status: "rejected",
      reason: { code: "overloaded", message: expect.stringContaining("memory budget") },
    });
  }
  fixture.engine.press("ok");
  expect((await fixture.get(id)).id).toBe(id);
});
