/** The swap of the database file: cut off at any moment, the next start has the old store or the new one. */
import { afterEach, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { layout } from "../../src/base/mod.ts";
import { checkStore, settleSwap, swapDatabase } from "../../src/storage/mod.ts";
import { Store, tempDir } from "./harness.ts";

const dirs: string[] = [];

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** A directory with the store "old" and, beside its database, the closed database of another store, "new". */
function twoStores(): { dir: string; fresh: string } {
  const make = (text: string): string => {
    const store = new Store();
    store.remember(text);
    store.writer.close();
    store.closeReader();
    dirs.push(store.dir);
    return store.dir;
  };
  const dir = make("old");
  const fresh = join(dir, "restoring");
  cpSync(layout(make("new")).database, fresh);
  return { dir, fresh };
}

/** What the directory holds once it has been started. */
function contentAfterStart(dir: string): string[] {
  const store = new Store(undefined, {}, dir);
  const texts = store.replay().map((payload) => JSON.parse(payload).text);
  store.writer.close();
  store.closeReader();
  expect(checkStore(dir, { deep: true }).findings).toEqual([]);
  expect(existsSync(layout(dir).incoming)).toBe(false);
  return texts;
}

test("the new database takes the place of the old one, which is kept", () => {
  const { dir, fresh } = twoStores();
  const place = layout(dir);
  swapDatabase(place, fresh, place.old);
  expect([existsSync(place.old), existsSync(fresh)]).toEqual([true, false]);
  expect(contentAfterStart(dir)).toEqual(["new"]);
});

test("an empty directory takes it too", () => {
  const { fresh } = twoStores();
  const dir = tempDir();
  dirs.push(dir);
  renameSync(fresh, join(dir, "restoring"));
  swapDatabase(layout(dir), join(dir, "restoring"), layout(dir).old);
  expect(contentAfterStart(dir)).toEqual(["new"]);
});

test("whenever it is cut off, the next start has one of the two, whole", () => {
  const { dir, fresh } = twoStores();
  const place = layout(dir);
  const moments: string[] = [];
  const keep = (): void => {
    const copy = tempDir();
    dirs.push(copy);
    cpSync(dir, copy, { recursive: true });
    moments.push(copy);
  };
  // the steps of swapDatabase, each followed by a power cut
  keep();
  renameSync(fresh, place.incoming);
  keep();
  renameSync(place.database, place.old);
  keep();
  renameSync(place.incoming, place.database);
  keep();
  expect(moments.map(contentAfterStart)).toEqual([["old"], ["old"], ["new"], ["new"]]);
});

test("what was moved aside comes back when nothing is there to take its place", () => {
  const { dir } = twoStores();
  const place = layout(dir);
  renameSync(place.database, place.old);
  expect(settleSwap(place)).toBe("rolled back");
  expect(contentAfterStart(dir)).toEqual(["old"]);
});

test("a WAL that was not folded goes with its database, and never to the new one", () => {
  const { dir, fresh } = twoStores();
  const place = layout(dir);
  writeFileSync(place.wal, "frames of the old one");
  swapDatabase(place, fresh, place.old);
  expect([existsSync(place.wal), existsSync(`${place.old}-wal`)]).toEqual([false, true]);
  expect(contentAfterStart(dir)).toEqual(["new"]);
});

test("the first forget takes the replaced database away, since it may hold what is forgotten", () => {
  const { dir, fresh } = twoStores();
  const place = layout(dir);
  swapDatabase(place, fresh, place.old);
  const store = new Store(undefined, {}, dir);
  const id = store.remember("secret");
  store.forget(id);
  store.purge();
  expect(existsSync(place.old)).toBe(false);
  store.finish();
  mkdirSync(dir, { recursive: true });
  expect(readdirSync(dir)).toEqual([]);
});
