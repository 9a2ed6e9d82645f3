/** Databases built anew: rekey, reindex, rollback. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LIMITS, layout, ManualClock } from "../../src/base/mod.ts";
import {
  checkStore,
  FAMILY,
  findSubject,
  readState,
  reindexStore,
  rekeyStore,
  rollbackStore,
  StoreReader,
  storeStats,
  token,
  writeState,
} from "../../src/storage/mod.ts";
import { openForWrite } from "../../src/storage/open.ts";
import { MIGRATIONS } from "../../src/storage/schema.ts";
import { DAY, faultOf, foundIn, KEYRING, note, Store, tempDir } from "./harness.ts";

const Q = Int8Array.from("vectormarkerQ", (c) => c.charCodeAt(0));
const MAKER = { space: { model: "test", dimension: Q.length, version: 1 }, embed: () => Q };
const OTHER = { space: { model: "other", dimension: 3, version: 1 }, embed: () => Int8Array.of(88, 89, 90) };
const VECTOR = [0.123456, 7.654321, -3.5, 2.125];
const MARKERS = [
  "payloadmarker",
  "labelmarker",
  "statemarker",
  new Uint8Array(Float32Array.from(VECTOR).buffer),
  new Uint8Array(Q.buffer),
];
const KEYS = { TEST: "5e".repeat(32), NEXT: "a7".repeat(32) };
const SUBJECT = { id: new Uint8Array(16).fill(3), family: FAMILY.entity, stability: 2 };

/** Everything that a store can hold. */
function fill(store: Store): string[] {
  const ids = store.batch(
    Array.from({ length: LIMITS.textTail + 9 }, (_, i) =>
      note({ payload_json: `{"text":"owl ${i}"}`, worker: `w${i % 3}` }),
    ),
  );
  ids.push(
    store.remember({
      payload_json: '{"text":"payloadmarker"}',
      labels: ["labelmarker", "session:a"],
      flags: ["f"],
      links: [{ target: ids[0]!, kind: "confirms" }],
      vector: VECTOR,
    }),
    store.remember({
      worker: "eve",
      links: [{ target: ids[1]!, kind: "supersedes" }],
      labels: ["session:a"],
    }),
    store.remember("version one", SUBJECT),
    store.remember("version two", SUBJECT),
    store.remember({ world: "away", id: "019a0000-0000-7000-8000-000000000001", payload_json: '"own"' }),
  );
  store.policy("away", { retention_days: 9 });
  store.run((ctx) => writeState(ctx, 1, "s", "statemarker"));
  store.forget(store.remember("gone"));
  store.world("archive", "away");
  return ids;
}

/** What users see of a store, and what the ranker does. */
function view(dir: string, ids: readonly string[], keyring = { keys: KEYS }) {
  const reader = new StoreReader(dir, undefined, keyring);
  try {
    return reader.snapshot(() => ({
      atoms: ids.map((id) => reader.atomById(id)).map((row) => ({ ...row, key_id: null, sum: null })),
      worlds: [...reader.worlds()].map(({ forget_epoch: _, ...world }) => ({ ...world, sum: null })),
      subject: { ...findSubject(reader, SUBJECT.id), sum: null },
      state: readState(reader.db, 1, "s"),
      owl: reader.postings(token.word(1, "owl")),
      label: reader.holders([token.label(1, "session:a")], [], 9),
      docs: [...reader.docs(1)].map(({ thread, pos, ...doc }) => doc),
      node: reader.nodeId(),
    }));
  } finally {
    reader.close();
  }
}

function stopped(options: ConstructorParameters<typeof Store>[1] = {}): { dir: string; ids: string[] } {
  const store = new Store(new ManualClock(), { vectors: MAKER, ...options });
  const ids = fill(store);
  store.purge();
  store.writer.close();
  store.closeReader();
  return { dir: store.dir, ids };
}

function expectWhole(dir: string): void {
  expect(checkStore(dir, { deep: true, keyring: { keys: KEYS } }).findings).toEqual([]);
  expect(readdirSync(dir).sort()).toEqual(
    readdirSync(dir)
      .filter((name) => !name.includes("rebuild"))
      .sort(),
  );
}

describe("rekey", () => {
  test("encrypts, changes the key and decrypts: answers stay, and each form shows in files as it should", () => {
    const { dir, ids } = stopped();
    const before = view(dir, ids);
    expect(foundIn(dir, MARKERS)).toEqual(MARKERS);
    mkdirSync(layout(dir).index);
    writeFileSync(join(layout(dir).index, "1-1"), new Uint8Array(Q.buffer));
    writeFileSync(layout(dir).migrationCopy, "payloadmarker");
    for (const [to, visible] of [
      ["TEST", []],
      ["NEXT", []],
      [undefined, MARKERS],
      ["TEST", []],
    ] as const) {
      expect(rekeyStore(dir, to, { keyring: { keys: KEYS }, vectors: MAKER })).toBe(ids.length);
      expectWhole(dir);
      expect(view(dir, ids)).toEqual(before);
      expect(foundIn(dir, MARKERS)).toEqual([...visible]);
      expect(existsSync(layout(dir).index)).toBe(false);
      expect(existsSync(layout(dir).migrationCopy)).toBe(false);
    }
    expect(rekeyStore(dir, "TEST", { keyring: { keys: KEYS } })).toBeUndefined();
  });

  test("a retry with an own id is settled after it, and new atoms follow the old ones", () => {
    const { dir } = stopped();
    rekeyStore(dir, "TEST", { keyring: { keys: KEYS }, vectors: MAKER });
    const store = new Store(new ManualClock(), { keyring: KEYRING, vectors: MAKER }, dir);
    store.world("resume", "away");
    const id = "019a0000-0000-7000-8000-000000000001";
    expect(store.remember({ world: "away", id, payload_json: '"own"' })).toBe(id);
    const before = storeStats(dir).atoms;
    store.remember("more owls");
    expect(storeStats(dir).atoms).toBe(before + 1);
    store.finish();
  });

  test("vectors of a space that cannot be computed here are copied", () => {
    const { dir, ids } = stopped({ vectors: OTHER });
    rekeyStore(dir, "TEST", { keyring: { keys: KEYS }, vectors: MAKER });
    expectWhole(dir);
    const reader = new StoreReader(dir, undefined, KEYRING);
    const spaces = reader.db
      .query("SELECT model, count(*) FROM vec JOIN space ON id = space GROUP BY model")
      .values();
    expect(spaces).toEqual([
      ["other", ids.length - 1],
      ["test", ids.length - 1],
    ]);
    const row = reader.db
      .query<{ seq: number; q: Uint8Array; space: number }, []>(
        "SELECT * FROM vec JOIN space ON id = space WHERE model = 'other'",
      )
      .get()!;
    expect([...reader.vectorOpener(row.space)!(row.seq, row.q)]).toEqual([88, 89, 90]);
    reader.close();
  });

  test("a missing key, a damaged row and a node that runs are refused with the store untouched", () => {
    const { dir, ids } = stopped();
    const before = view(dir, ids);
    expect(faultOf(() => rekeyStore(dir, "TEST", { keyring: { keys: {} } })).code).toBe("forbidden");
    const store = new Store(new ManualClock(), {}, dir);
    expect(faultOf(() => rekeyStore(dir, "TEST", { keyring: { keys: KEYS } })).code).toBe("storage_error");
    store.db.run("UPDATE atom SET importance = 0.9 WHERE seq = 3");
    store.writer.close();
    const fault = faultOf(() => rekeyStore(dir, "TEST", { keyring: { keys: KEYS } }));
    expect([fault.code, fault.message]).toEqual(["damaged", expect.stringContaining("sequence 3")]);
    const repaired = new Store(new ManualClock(), {}, dir);
    repaired.db.run("UPDATE atom SET importance = 0.5 WHERE seq = 3");
    expect(existsSync(layout(dir).rebuild)).toBe(false);
    repaired.writer.close();
    expect(view(dir, ids)).toEqual(before);
    expect(faultOf(() => rekeyStore(tempDir(), "TEST", { keyring: { keys: KEYS } })).code).toBe("not_found");
  });
});

describe("reindex", () => {
  test("makes everything derived anew, whatever became of it", () => {
    const { dir, ids } = stopped();
    const before = view(dir, ids);
    const store = new Store(new ManualClock(), {}, dir);
    for (const sql of [
      "DELETE FROM doc WHERE seq % 3 = 0",
      "UPDATE vec SET q = x'00' WHERE seq = 2",
      "DELETE FROM link",
      "INSERT INTO text_v1(text_v1) VALUES('delete-all')",
    ])
      store.db.run(sql);
    store.writer.close();
    expect(checkStore(dir, { deep: true }).clean).toBe(false);
    expect(reindexStore(dir, { vectors: MAKER })).toBe(ids.length);
    expectWhole(dir);
    expect(view(dir, ids)).toEqual(before);
  });

  test("keeps an encrypted store encrypted", () => {
    const { dir, ids } = stopped({ keyring: KEYRING });
    const before = view(dir, ids);
    reindexStore(dir, { keyring: { keys: KEYS }, vectors: MAKER });
    expectWhole(dir);
    expect(view(dir, ids)).toEqual(before);
    expect(foundIn(dir, MARKERS)).toEqual([]);
  });
});

describe("rollback", () => {
  const OLDER = MIGRATIONS.slice(0, -1);
  const versionOf = (dir: string): number => {
    const db = new Database(layout(dir).database, { readonly: true });
    const { user_version } = db.query<{ user_version: number }, []>("PRAGMA user_version").get()!;
    db.close();
    return user_version;
  };

  /** A store that an older release made and this one has upgraded. */
  function upgraded(clock = new ManualClock()): Store {
    const dir = tempDir();
    openForWrite(layout(dir), OLDER).close();
    return new Store(clock, {}, dir);
  }

  test("goes back to the copy that was made before the upgrade and keeps what came since", () => {
    const store = upgraded();
    store.remember("since the upgrade");
    store.writer.close();
    expect(versionOf(store.dir)).toBe(MIGRATIONS.at(-1)!.version);
    rollbackStore(store.dir);
    expect(versionOf(store.dir)).toBe(OLDER.at(-1)!.version);
    expect(foundIn(store.dir, ["since the upgrade"])).toEqual(["since the upgrade"]);
    expect(readdirSync(store.dir)).toContain("dwbase.db.old");
    // the newer binary upgrades it once more
    const again = new Store(store.clock, {}, store.dir);
    expect(again.replay()).toEqual([]);
    again.finish();
  });

  test.each([
    ["a forget", (store: Store) => store.forget(store.remember("x")), "was forgotten since"],
    ["a week", (store: Store) => store.pass(60_000 + 7 * DAY), "more than 7 days old"],
  ])("is refused after %s, which removes the copy, and says why", (_, act, why) => {
    const store = upgraded();
    store.remember("owl");
    store.pass(60_000);
    expect(existsSync(layout(store.dir).migrationCopy)).toBe(true);
    act(store);
    store.purge();
    expect(existsSync(layout(store.dir).migrationCopy)).toBe(false);
    store.writer.close();
    const fault = faultOf(() => rollbackStore(store.dir));
    expect([fault.code, fault.message]).toEqual(["forbidden", expect.stringContaining(why)]);
  });

  test("is refused where no upgrade was made", () => {
    const { dir } = stopped();
    expect(faultOf(() => rollbackStore(dir)).message).toContain("no upgrade was made");
  });
});

test("what a rebuild that was cut off has left goes at the next start", () => {
  const { dir } = stopped();
  mkdirSync(layout(dir).rebuild);
  writeFileSync(join(layout(dir).rebuild, "dwbase.db"), "payloadmarker");
  const store = new Store(new ManualClock(), {}, dir);
  expect(existsSync(layout(dir).rebuild)).toBe(false);
  store.finish();
});
