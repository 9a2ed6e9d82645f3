/** `storage check` finds every change that the node did not make. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, cpSync, openSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { type Fault, idToBytes, LIMITS, layout, newId } from "../../src/base/mod.ts";
import {
  type CheckReport,
  checkStore,
  FAMILY,
  findSubject,
  insertAtom,
  keepAnswer,
  putEdge,
  storeStats,
  writeState,
} from "../../src/storage/mod.ts";
import { MIGRATIONS } from "../../src/storage/schema.ts";
import { faultOf, note, Store, tempDir, withPlainStore } from "./harness.ts";

/** A store with a row in every table; never changed, only copied. */
let sample: string;

beforeAll(() => {
  const store = new Store();
  const entity = { id: idToBytes(newId(0)), family: FAMILY.entity, stability: 1 };
  for (let i = 0; i < LIMITS.textTail + 6; i++) store.remember(note(`owl number ${i}`));
  const first = store.remember({ payload_json: "fox", labels: ["session:a"], vector: [1, 2], flags: ["f"] });
  store.remember({ worker: "ben", links: [{ target: first, kind: "confirms" }], labels: ["session:a"] });
  store.remember({ links: [{ target: first, kind: "supersedes" }], worker: "eve" });
  store.remember("version one", entity);
  store.remember("version two", entity);
  store.run((ctx) => {
    const { id, world } = findSubject(ctx, entity.id)!;
    putEdge(ctx, { world, source: id, target: id, type: 0, weight: 0.5, co: 1, created_ms: 1, used_ms: 2 });
    writeState(ctx, world, "learning", "{}");
  });
  store.forget(store.remember("x"));
  store.policy("home", { retention_days: 30, replication_allow: ["a"] });
  store.run((ctx) => keepAnswer(ctx, { scope: "s", digest: "d" }, "a"));
  store.run((ctx) => insertAtom(ctx, note({ world: "away" })));
  store.purge();
  store.writer.close();
  sample = store.dir;
});

afterAll(() => rmSync(sample, { recursive: true }));

/** The deep report on a copy of the sample after `change`. */
function after(change: (dir: string) => void, deep = true): CheckReport {
  const dir = tempDir();
  cpSync(sample, dir, { recursive: true });
  try {
    change(dir);
    return checkStore(dir, { deep });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Whether the check saw nothing; a damaged schema does not even open. */
function isClean(change: (dir: string) => void): boolean {
  try {
    return after(change).clean;
  } catch (error) {
    expect((error as Fault).code).toBe("storage_error");
    return false;
  }
}

function sql(text: string): (dir: string) => void {
  return (dir) => {
    const db = new Database(layout(dir).database);
    expect(db.run(text).changes).toBeGreaterThan(0);
    db.close();
  };
}

test("an untouched store is clean, and its rows are counted", () => {
  const { findings, clean, counts, schemaVersion, deep } = after(() => {});
  expect(findings).toEqual([]);
  expect({ clean, schemaVersion, deep }).toEqual({
    clean: true,
    schemaVersion: MIGRATIONS.at(-1)!.version,
    deep: true,
  });
  const atoms = LIMITS.textTail + 12;
  expect(counts).toMatchObject({
    atom: atoms,
    doc: atoms,
    world: 2,
    link: 2,
    trust: 1,
    tombstone: 1,
    policy: 1,
  });
  expect(after(() => {}, false).clean).toBe(true);
});

describe("any changed value of a truth table is found", () => {
  const dir = tempDir();
  const store = new Store(undefined, {}, dir);
  const tables = [
    "meta",
    "world",
    "atom",
    "subject",
    "link",
    "tombstone",
    "policy",
    "trust",
    "idem",
    "edge",
    "memory_state",
  ].map(
    (table) => [table, store.db.query<{ name: string }, []>(`PRAGMA table_info(${table})`).all()] as const,
  );
  store.discard();
  const cases = tables.flatMap(([table, columns]) =>
    columns.map(({ name }): [string, string] => [table, name]),
  );

  test.each(cases)("%s.%s", (table, column) => {
    const key = KEYS[table] ?? "id";
    // a null becomes a value, a number another number, anything else longer
    const report = after((copy) => {
      sql(
        `UPDATE ${table} SET ${column} = CASE typeof(${column})
           WHEN 'null' THEN 1 WHEN 'integer' THEN ${column} + 1000 WHEN 'real' THEN ${column} + 0.25
           WHEN 'blob' THEN CAST(${column} || x'00' AS BLOB) ELSE ${column} || 'x' END
         WHERE ${key} = (SELECT ${key} FROM ${table} LIMIT 1)`,
      )(copy);
    });
    expect(report.clean).toBe(false);
    expect(report.findings.map((finding) => finding.table)).toContain(table);
  });
});

/** What names a row, where it is not the id. */
const KEYS: Record<string, string> = {
  meta: "key",
  link: "target",
  trust: "voter",
  idem: "scope",
  edge: "type",
  memory_state: "name",
};

describe("the deep check finds", () => {
  test.each<[string, string, string]>([
    ["a flipped byte of a payload", "UPDATE atom SET payload = 'dox' WHERE payload = 'fox'", "atom"],
    ["an atom that is gone", "DELETE FROM atom WHERE payload = 'fox'", "world"],
    ["a thin row that is gone", "DELETE FROM doc WHERE seq = 5", "doc"],
    [
      "a thin row too many",
      "INSERT INTO doc SELECT 99, seq, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM doc LIMIT 1",
      "doc",
    ],
    ["a subject without its head", "DELETE FROM subject", "subject"],
    ["an edge that leads nowhere", "DELETE FROM subject", "edge"],
    ["another time in it", "UPDATE doc SET ts_ms = ts_ms - 1 WHERE seq = 5", "doc"],
    ["another length in it", "UPDATE doc SET len = 0 WHERE seq = 5", "doc"],
    ["another kind in it", "UPDATE doc SET kind = 3 WHERE seq = 5", "doc"],
    ["another importance in it", "UPDATE doc SET importance = 0 WHERE seq = 5", "doc"],
    ["another worker in it", "UPDATE doc SET worker = 7 WHERE seq = 5", "doc"],
    ["a missing mark of quarantine", "UPDATE doc SET bits = bits | 256 WHERE seq = 5", "doc"],
    ["a mark that no link gives", "UPDATE doc SET bits = bits | 512 WHERE seq = 5", "doc"],
    [
      "a mark that a link gives and is not there",
      "UPDATE doc SET bits = bits & ~4096 WHERE bits & 4096",
      "doc",
    ],
    [
      "an old version that passes for the head",
      "UPDATE doc SET bits = bits & ~1024 WHERE bits & 1024",
      "doc",
    ],
    ["a thread that leads astray", "UPDATE doc SET next = 9 WHERE seq = 5", "doc"],
    ["a neighbour that does not point back", "UPDATE doc SET prev = 0 WHERE seq = 5", "doc"],
    ["a link that is gone", "DELETE FROM link WHERE kind = 2", "link"],
    ["a link too many", "INSERT INTO link SELECT 'x', kind, seq, sum FROM link LIMIT 1", "link"],
    ["a world that is gone", "DELETE FROM world WHERE name = 'away'", "world"],
  ])("%s", (_, change, table) => {
    const report = after(sql(change));
    expect(report.clean).toBe(false);
    expect(report.findings.map((finding) => finding.table)).toContain(table);
    for (const { problem } of report.findings) expect(problem).toMatch(/\w+ \w+/);
  });

  test("words missing from the text index, and words too many", () => {
    const lost = after((dir) => {
      const db = new Database(layout(dir).database);
      db.run("INSERT INTO text_v1(text_v1, rowid, t) VALUES('delete', 5, 'w1_owl w1_number w1_4 a1_ann')");
      db.close();
    });
    expect(lost.findings).toEqual([
      { table: "text", seq: 5, problem: "the text index does not hold the atom's words" },
    ]);
    const extra = after(sql("INSERT INTO text_v1(rowid, t) VALUES(5, 'w1_more')"));
    expect(extra.findings).toMatchObject([{ table: "text", seq: 5 }]);
    const foreign = after(sql("INSERT INTO text_v1(rowid, t) VALUES(9999, 'w1_more')"));
    expect(foreign.findings).toMatchObject([{ table: "text", seq: 9999 }]);
  });

  test("one page of the file overwritten", () => {
    const { database } = layout(sample);
    const pages = statSync(database).size / LIMITS.pageSize;
    let unseen = 0;
    for (let number = 3; number < pages; number += 5) {
      const overwrite = (dir: string): void => {
        const fd = openSync(layout(dir).database, "r+");
        writeSync(fd, Buffer.alloc(64, 0xa5), 0, 64, number * LIMITS.pageSize);
        closeSync(fd);
      };
      // a page on the free list holds nothing that could be damaged
      if (isClean(overwrite)) unseen += 1;
    }
    const free = storeStats(sample).free_bytes / LIMITS.pageSize;
    expect(unseen).toBeLessThanOrEqual(free);
  });

  test("where it is: the atom's id and sequence", () => {
    withPlainStore((store) => {
      const id = store.remember("fox");
      store.db.run("UPDATE atom SET importance = 0.25");
      expect(checkStore(store.dir, { deep: true }).findings[0]).toMatchObject({ table: "atom", seq: 1, id });
      expect(faultOf(() => store.get(id)).message).toContain(id);
      store.db.run("UPDATE atom SET importance = 0.5");
    });
  });

  test("more than can be listed, and says how many", () => {
    withPlainStore((store) => {
      store.batch(Array.from({ length: 1100 }, () => ""));
      store.db.run("UPDATE doc SET kind = 4");
      const report = checkStore(store.dir, { deep: true });
      expect(report.findings).toHaveLength(1001);
      expect(report.findings.at(-1)?.problem).toBe("and 100 more problems");
      store.db.run("UPDATE doc SET kind = 0");
    });
  });
});

test("the shallow check sees the small tables, not the atoms", () => {
  expect(after(sql("UPDATE policy SET retention_days = 1"), false).clean).toBe(false);
  expect(after(sql("UPDATE atom SET payload = 'dox' WHERE payload = 'fox'"), false).clean).toBe(true);
});

test("a damaged note of how far the text index goes does not end the check", () => {
  const report = after(sql("UPDATE meta SET value = x'39' WHERE key = 'text_seq'"));
  expect(report.findings.map((finding) => finding.table)).toContain("meta");
});

test("the check goes on beside a running node, tells its progress and changes nothing", () => {
  withPlainStore((store) => {
    store.batch(Array.from({ length: 2500 }, (_, i) => `${i}`));
    const progress: [number, number][] = [];
    const report = checkStore(store.dir, { deep: true, onProgress: (...at) => progress.push(at) });
    expect(report.clean).toBe(true);
    expect(progress).toEqual([
      [1000, 2500],
      [2000, 2500],
      [2500, 2500],
    ]);
    store.remember("goes on");
  });
});

test("where there is no store the check says so", () => {
  const dir = tempDir();
  expect(faultOf(() => checkStore(dir, { deep: true })).code).toBe("not_found");
  writeFileSync(layout(dir).database, "");
  expect(faultOf(() => checkStore(dir, { deep: true })).code).toBe("not_found");
  writeFileSync(layout(dir).database, "no database");
  expect(faultOf(() => checkStore(dir, { deep: true })).code).toBe("damaged");
  rmSync(dir, { recursive: true });
});

test("statistics count what is there, table by table", () => {
  const stats = storeStats(sample);
  expect(stats).toMatchObject({
    worlds: 2,
    atoms: LIMITS.textTail + 12,
    tombstones: 1,
    schema_version: MIGRATIONS.at(-1)!.version,
  });
  expect(stats.database_bytes).toBe(statSync(layout(sample).database).size);
  const tables = Object.values(stats.tables);
  expect(tables).toEqual([...tables].sort((a, b) => b - a));
  expect(Object.keys(stats.tables)).toContain("atom");
});
