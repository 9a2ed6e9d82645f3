/** What can be read of a damaged store is saved, what cannot is named, and the damaged file stays. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { LIMITS, layout, ManualClock } from "../../src/base/mod.ts";
import { checkStore, FAMILY, type RepairReport, repairStore, StoreReader } from "../../src/storage/mod.ts";
import { PageFile } from "../../src/storage/page-file.ts";
import { faultOf, foundIn, KEYRING, Store } from "./harness.ts";

const PAGE = LIMITS.pageSize;
const SUBJECT = { id: new Uint8Array(16).fill(3), family: FAMILY.entity, stability: 2 };
const long = (i: number): string =>
  JSON.stringify({ text: `owl ${i} ${"and its long tale ".repeat(i % 7 === 0 ? 400 : 9)}` });

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

interface Stopped {
  dir: string;
  ids: string[];
  payloads: string[];
}

/** A stopped store with a few hundred atoms of two worlds, some over several pages. */
function stopped(keyring = {}): Stopped {
  const store = new Store(new ManualClock(), keyring);
  dirs.push(store.dir);
  const payloads = Array.from({ length: 300 }, (_, i) => long(i));
  const ids = store.batch(
    payloads.map((payload_json, i) => ({ payload_json, world: i % 3 ? "home" : "away" })),
  );
  store.remember("version one", SUBJECT);
  store.remember("version two", SUBJECT);
  store.policy("home", { retention_days: 30_000 });
  store.forget(ids[7]!);
  store.purge();
  store.writer.close();
  store.closeReader();
  return { dir: store.dir, ids, payloads };
}

/** Pages of a stopped database that a table or index has. */
function pagesOf(dir: string, name: string): number[] {
  const reader = new StoreReader(dir, undefined, { keys: KEYRING.keys });
  const rows = reader.db
    .query("SELECT pageno FROM dbstat WHERE name = ? AND pagetype <> 'overflow'")
    .values(name);
  reader.close();
  return (rows as [number][]).map(([page]) => page);
}

function spoil(dir: string, spoilt: (file: Buffer) => void): void {
  const { database } = layout(dir);
  const file = readFileSync(database);
  spoilt(file);
  writeFileSync(database, file);
}

/** Repairs, and holds the report against what is left: every atom is there as it was, or named as lost. */
function repaired({ dir, ids, payloads }: Stopped): RepairReport {
  const keyring = { keys: KEYRING.keys };
  const damaged = readFileSync(layout(dir).database);
  const report = repairStore(dir, { keyring });
  expect(report.whole).toBe(false);
  expect(report.aside).toBe(layout(dir).damaged);
  expect(readFileSync(layout(dir).damaged)).toEqual(damaged);
  expect(checkStore(dir, { deep: true, keyring }).findings).toEqual([]);
  const reader = new StoreReader(dir, undefined, keyring);
  const lost = new Set(report.lost.map(({ seq }) => seq));
  let missing = 0;
  ids.forEach((id, i) => {
    const row = reader.atomById(id);
    if (row) expect([row.seq, row.payload]).toEqual([i + 1, payloads[i]!]);
    else if (i !== 7) {
      missing += 1;
      expect(lost.has(i + 1)).toBe(true);
    }
  });
  expect(reader.isForgotten(ids[7]!)).toBe(true);
  reader.close();
  expect(report.atoms + missing).toBeGreaterThanOrEqual(ids.length - 1);
  return report;
}

const leaves = (dir: string, table: string): number[] => {
  const file = new PageFile(layout(dir).database, layout(dir).wal);
  const out = pagesOf(dir, table).filter((page) =>
    [10, 13].includes(file.page(page)!.bytes[page === 1 ? 100 : 0]!),
  );
  file.close();
  return out;
};

describe.each([
  ["plain", {}],
  ["encrypted", { keyring: KEYRING }],
])("repair of a store that is %s", (_, options) => {
  test("does nothing to one that is whole", () => {
    const { dir } = stopped(options);
    expect(repairStore(dir, { keyring: { keys: KEYRING.keys } })).toMatchObject({ whole: true, aside: null });
    expect(existsSync(layout(dir).damaged)).toBe(false);
  });

  test("saves all but the one atom that is damaged, and names it with its world", () => {
    const store = stopped(options);
    const file = new PageFile(layout(store.dir).database, "");
    let hit: [number, number] | undefined;
    for (let number = 1; number <= file.pages && !hit; number++) {
      const page = file.page(number)!;
      for (const cell of file.cells(page, () => {})) {
        if (cell.rowid === 12 && cell.values.length === 21) hit = [number, cell.end - 40];
      }
    }
    file.close();
    spoil(store.dir, (bytes) => {
      bytes[(hit![0] - 1) * PAGE + hit![1]]! ^= 4;
    });
    expect(repaired(store)).toMatchObject({ atoms: 300, lost: [{ seq: 12, world: "home" }], unnamed: 0 });
  });

  test("of a lost page names each of its atoms", () => {
    const store = stopped(options);
    const pages = leaves(store.dir, "atom");
    spoil(store.dir, (bytes) => bytes.fill(0xa5, (pages[3]! - 1) * PAGE, pages[3]! * PAGE));
    const { lost, unnamed } = repaired(store);
    expect(lost.length).toBeGreaterThan(0);
    expect(unnamed).toBe(0);
    for (const { seq, world } of lost) expect(world).toBe((seq - 1) % 3 ? "home" : "away");
  });

  test("without the first page: all is there", () => {
    const store = stopped(options);
    spoil(store.dir, (bytes) => bytes.fill(0, 0, PAGE));
    expect(repaired(store)).toMatchObject({ atoms: 301, lost: [], unnamed: 0 });
  });

  test("without the inner pages of the trees: all is there", () => {
    const store = stopped(options);
    const leaf = new Set(leaves(store.dir, "atom"));
    spoil(store.dir, (bytes) => {
      for (const page of pagesOf(store.dir, "atom")) {
        if (!leaf.has(page)) bytes.fill(0, (page - 1) * PAGE, page * PAGE);
      }
    });
    expect(repaired(store)).toMatchObject({ atoms: 301, lost: [] });
  });

  test("with the header of a page of atoms gone: those behind it are found", () => {
    const store = stopped(options);
    const [, page] = leaves(store.dir, "atom");
    spoil(store.dir, (bytes) => bytes.fill(0xff, (page! - 1) * PAGE, (page! - 1) * PAGE + 8));
    expect(repaired(store)).toMatchObject({ atoms: 301, lost: [] });
  });

  test("without the records of worlds: memories are in worlds of another name", () => {
    const store = stopped(options);
    const [page] = leaves(store.dir, "world");
    spoil(store.dir, (bytes) => bytes.fill(0xff, (page! - 1) * PAGE, page! * PAGE));
    const report = repaired(store);
    expect(report.atoms).toBe(301);
    expect(report.notes).toHaveLength(2);
    const reader = new StoreReader(store.dir, undefined, { keys: KEYRING.keys });
    expect([...reader.worlds()].map(({ name }) => name)).toEqual(["recovered-1", "recovered-2"]);
    reader.close();
  });

  test("without the subjects: the newest version is the head again", () => {
    const store = stopped(options);
    const [page] = leaves(store.dir, "subject");
    spoil(store.dir, (bytes) => bytes.fill(0xff, (page! - 1) * PAGE, page! * PAGE));
    expect(repaired(store).atoms).toBe(301);
  });

  test("with half of the file cut off", () => {
    const store = stopped(options);
    const { database } = layout(store.dir);
    const file = readFileSync(database);
    writeFileSync(database, file.subarray(0, Math.floor(file.length / PAGE / 2) * PAGE));
    const keyring = { keys: KEYRING.keys };
    const report = repairStore(store.dir, { keyring });
    expect(report.atoms).toBeGreaterThan(20);
    expect(checkStore(store.dir, { deep: true, keyring }).findings).toEqual([]);
  });

  test("leaves the repaired store to be written on, and the next forget removes the damaged file", () => {
    const { dir, ids } = stopped(options);
    spoil(dir, (bytes) => bytes.fill(0, 0, PAGE));
    repairStore(dir, { keyring: { keys: KEYRING.keys } });
    const store = new Store(new ManualClock(), { keyring: { keys: KEYRING.keys } }, dir);
    store.remember("more");
    store.forget(ids[0]!);
    store.purge();
    expect(existsSync(layout(dir).damaged)).toBe(false);
    store.finish();
  });
});

test("policies, keys of digests and the node's identity stay", () => {
  const { dir } = stopped();
  const before = new StoreReader(dir);
  const facts = (reader: StoreReader) => [
    reader.nodeId(),
    reader.db.query("SELECT value FROM meta WHERE key = 'sent_key'").values(),
    reader.db.query("SELECT * FROM policy").values(),
    reader.db.query("SELECT * FROM tombstone").values(),
  ];
  const expected = facts(before);
  before.close();
  spoil(dir, (bytes) => bytes.fill(0, 0, PAGE));
  repairStore(dir);
  const after = new StoreReader(dir);
  expect(facts(after)).toEqual(expected);
  after.close();
});

test("what is no store of ours, in use, or without its key is refused as it lies", () => {
  const { dir } = stopped({ keyring: KEYRING });
  spoil(dir, (bytes) => bytes.fill(0xff, PAGE * 4, PAGE * 5));
  expect(faultOf(() => repairStore(dir, { keyring: { keys: {} } })).code).toBe("forbidden");
  expect(faultOf(() => repairStore(dir, { keyring: { keys: { TEST: "00".repeat(32) } } })).code).toBe(
    "forbidden",
  );
  const other = stopped();
  writeFileSync(layout(other.dir).database, "not a database, but somebody's letter".repeat(300));
  expect(faultOf(() => repairStore(other.dir)).code).toBe("damaged");
  expect(foundIn(other.dir, ["somebody's letter"])).toEqual(["somebody's letter"]);
});
