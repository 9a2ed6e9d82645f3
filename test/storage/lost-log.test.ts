/** A write-ahead log of which a start could read a part only: kept, told, and looked into by repair. */
import { expect, test } from "bun:test";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { layout, ManualClock } from "../../src/base/mod.ts";
import { checkStore, repairStore, type StoreWriter } from "../../src/storage/mod.ts";
import { Store, tempDir } from "./harness.ts";

/** A store that was killed, with a bad sector in the middle of its log: the last five commits lie behind it. */
function damaged(): { dir: string; ids: string[] } {
  const store = new Store();
  const ids = [store.remember("folded")];
  store.pass(1000);
  ids.push(store.remember("before the damage"));
  const size = readFileSync(layout(store.dir).wal).length;
  for (const world of ["home", "home", "new", "new"])
    ids.push(store.remember({ world, payload_json: `"behind it ${ids.length}"` }));
  store.forget(ids[0]!);
  const dir = tempDir();
  cpSync(store.dir, dir, { recursive: true });
  store.finish();
  const { wal } = layout(dir);
  const bytes = readFileSync(wal);
  bytes.fill(0x5a, size + 1000, size + 1512);
  writeFileSync(wal, bytes);
  return { dir, ids };
}

const damageOf = (writer: StoreWriter): string => writer.damage.join();

test("the start goes on without it and says so; repair brings back what it holds, and forgets what it forgot", () => {
  const { dir, ids } = damaged();
  const finding = {
    table: "wal",
    problem: expect.stringContaining("commits behind the damage are not read"),
  };
  expect(checkStore(dir, { deep: true }).findings).toContainEqual(finding);
  const store = new Store(new ManualClock(), {}, dir);
  expect(damageOf(store.writer)).toContain("the write-ahead log was damaged");
  expect(store.get(ids[1]!)?.payload_json).toContain("before the damage");
  expect(store.get(ids[3]!)).toBeUndefined();
  // sequences and the number of the world are given again
  const others = [store.remember({ world: "other", payload_json: '"since"' }), store.remember("since too")];
  store.writer.close();
  store.closeReader();
  expect(existsSync(layout(dir).damagedWal)).toBe(true);

  const report = repairStore(dir);
  expect(report.whole).toBe(false);
  expect(existsSync(layout(dir).damagedWal)).toBe(false);
  const repaired = new Store(new ManualClock(), {}, dir);
  expect(damageOf(repaired.writer)).toBe("");
  expect(repaired.get(ids[0]!)).toBeUndefined();
  for (const [i, id] of [...ids.slice(3), ...others].entries()) {
    const atom = repaired.get(id);
    expect(atom?.payload_json).toContain(i < 3 ? "behind it" : "since");
    expect(atom?.world).toBe(["home", "new", "new", "other", "home"][i]!);
  }
  repaired.finish();
});

test("the last commit, of which a power cut left a part, is no damage", () => {
  const store = new Store();
  store.remember("acknowledged");
  store.remember("under way");
  const dir = tempDir();
  cpSync(store.dir, dir, { recursive: true });
  store.finish();
  const { wal } = layout(dir);
  const bytes = readFileSync(wal);
  bytes.fill(0, bytes.length - 1024);
  writeFileSync(wal, bytes);
  expect(checkStore(dir, { deep: true }).findings).toEqual([]);
  const after = new Store(new ManualClock(), {}, dir);
  expect([damageOf(after.writer), existsSync(layout(dir).damagedWal)]).toEqual(["", false]);
  expect(after.replay()).toHaveLength(1);
  after.finish();
});

test("a forget removes the kept log", () => {
  const { dir, ids } = damaged();
  const store = new Store(new ManualClock(), {}, dir);
  store.forget(ids[1]!);
  store.purge();
  expect(existsSync(layout(dir).damagedWal)).toBe(false);
  store.finish();
});

test("a single flipped bit in it is put right at the start, with nothing lost, and told", () => {
  const store = new Store();
  const more = [store.remember("one"), store.remember("two")];
  const copy = tempDir();
  cpSync(store.dir, copy, { recursive: true });
  store.finish();
  const { wal } = layout(copy);
  const bytes = readFileSync(wal);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  writeFileSync(wal, bytes);
  const mended = new Store(new ManualClock(), {}, copy);
  expect(damageOf(mended.writer)).toContain("was put right");
  for (const id of more) expect(mended.get(id)).toBeDefined();
  mended.finish();
});
