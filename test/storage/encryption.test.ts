/** An encrypted store: what its files show, who opens it, what damage does. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { LIMITS, layout, ManualClock } from "../../src/base/mod.ts";
import {
  checkStore,
  keyringOf,
  StoreReader,
  StoreWriter,
  storeStats,
  writeState,
} from "../../src/storage/mod.ts";
import { faultOf, foundIn, KEYRING, note, Store, tempDir, withPlainStore, withStore } from "./harness.ts";

/** A vector maker whose vectors spell a marker. */
const Q = Int8Array.from("vectormarkerQ".repeat(2), (c) => c.charCodeAt(0));
const MAKER = { space: { model: "test", dimension: Q.length, version: 1 }, embed: () => Q };
const VECTOR = [0.123456, 7.654321, -3.5, 2.125];

/** What must not be found: texts, labels, flags, links, descriptions, states, vectors as float32 and as int8. */
const MARKERS = [
  ...["payloadmarker", "labelmarker", "flagmarker", "linkmarker", "describemarker", "worldlabelmarker"],
  ...["statemarker", "subjectmarker", "forgottenmarker"],
  new Uint8Array(Float32Array.from(VECTOR).buffer),
  new Uint8Array(Q.buffer),
];

/** Fills a store with every sort of marker; words are folded into FTS5 too. */
function fill(store: Store): void {
  const marked = note({
    payload_json: JSON.stringify({ text: "payloadmarker" }),
    labels: ["labelmarker", "session:labelmarker"],
    flags: ["flagmarker"],
    links: [{ target: "linkmarker", kind: "references" }],
    vector: VECTOR,
  });
  for (let i = 0; i < LIMITS.textTail + 3; i++) store.remember(i % 5 === 0 ? marked : `owl ${i}`);
  store.remember(marked, {
    id: new Uint8Array(16).fill(3),
    family: 2,
    stability: 1,
    change: { state: "subjectmarker" },
  });
  store.run((ctx) => {
    const world = ctx.worlds.find("home")!;
    world.description = "describemarker";
    world.labels = JSON.stringify(["worldlabelmarker"]);
    ctx.worlds.touch(world);
    writeState(ctx, world.id, "s", "statemarker");
  });
  store.forget(store.remember({ payload_json: JSON.stringify("forgottenmarker") }));
}

describe("the files of a data directory", () => {
  test("hold nothing of what was remembered, in use, stopped, after a forget", () => {
    const store = new Store(new ManualClock(), { keyring: KEYRING, vectors: MAKER });
    fill(store);
    expect(foundIn(store.dir, MARKERS)).toEqual([]);
    store.restart();
    expect(foundIn(store.dir, MARKERS)).toEqual([]);
    store.purge();
    expect(foundIn(store.dir, MARKERS)).toEqual([]);
    store.finish();
  });

  test("show all of it when they are not encrypted: the search would find it", () => {
    withPlainStore(
      (store) => {
        fill(store);
        expect(foundIn(store.dir, MARKERS)).toEqual(MARKERS);
      },
      { vectors: MAKER },
    );
  });

  test("show the names of worlds and workers, and that is said", () => {
    const store = new Store(new ManualClock(), { keyring: KEYRING });
    store.remember({ world: "worldname", worker: "workername" });
    expect(foundIn(store.dir, ["worldname", "workername"])).toEqual(["worldname", "workername"]);
    store.finish();
  });
});

describe("the key", () => {
  const wrong = keyringOf({ DWBASE_KEY_TEST: "0f".repeat(32) });
  const none = { keys: {} };

  function encrypted(): string {
    const store = new Store(new ManualClock(), { keyring: KEYRING });
    store.remember("owl");
    store.writer.close();
    store.closeReader();
    return store.dir;
  }

  test.each([
    ["missing", none, "set DWBASE_KEY_TEST to its 64 hex digits"],
    ["wrong", wrong, 'the key "TEST" is not the one'],
    ["no key", { keys: { TEST: "5e5e" } }, "is no key"],
    ["another one's id", { wanted: "OTHER", keys: { OTHER: "5e".repeat(32) } }, "storage rekey --to OTHER"],
  ])("that is %s is refused with a sentence, and nothing changes", (_, keyring, sentence) => {
    const dir = encrypted();
    const before = readFileSync(layout(dir).database);
    for (const open of [
      () => new StoreWriter(dir, { keyring }),
      () => new StoreReader(dir, undefined, keyring),
      () => checkStore(dir, { deep: false, keyring }),
    ]) {
      const fault = faultOf(open);
      expect([fault.code, fault.message]).toEqual(["forbidden", expect.stringContaining(sentence)]);
    }
    expect(readFileSync(layout(dir).database)).toEqual(before);
    expect(readdirSync(dir)).not.toContain("index");
    rmSync(dir, { recursive: true });
  });

  test("is not needed for sizes", () => {
    const dir = encrypted();
    expect(storeStats(dir)).toMatchObject({ atoms: 1, key_id: "TEST" });
    rmSync(dir, { recursive: true });
  });

  test("a new store is not begun without it", () => {
    const dir = tempDir();
    expect(faultOf(() => new StoreWriter(dir, { keyring: { wanted: "A", keys: {} } })).code).toBe(
      "forbidden",
    );
    expect(readdirSync(dir)).toEqual([]);
    rmSync(dir, { recursive: true });
  });

  test("a plain store is not encrypted by a wish alone", () => {
    withPlainStore((store) => {
      store.remember("owl");
      store.writer.close();
      const fault = faultOf(() => new StoreWriter(store.dir, { keyring: KEYRING }));
      expect(fault.message).toContain("storage rekey --to TEST");
      store.writer = new StoreWriter(store.dir, { clock: store.clock });
    });
  });

  test("comes from the environment, or from where the wanted one is looked up", () => {
    const env = { DWBASE_KEY_A: "1", DWBASE_KEY_B: "", OTHER: "3" };
    expect(keyringOf(env)).toEqual({ keys: { A: "1" } });
    const asked: string[] = [];
    const lookup = (name: string): string => {
      asked.push(name);
      return "2";
    };
    expect(keyringOf(env, "A", lookup)).toEqual({ wanted: "A", keys: { A: "2" } });
    expect(asked).toEqual(["DWBASE_KEY_A"]);
  });
});

describe("damage", () => {
  test("of any sealed column makes that atom unreadable and no other", () => {
    const store = new Store(new ManualClock(), { keyring: KEYRING });
    const [id, other] = store.batch([
      {
        payload_json: '"a"',
        labels: ["b"],
        flags: ["c"],
        links: [{ target: "d", kind: "references" }],
        vector: [1],
      },
      "fox",
    ]);
    for (const column of ["payload", "labels", "flags", "links", "vector"]) {
      const query = store.db.query<{ value: Uint8Array }, []>(
        `SELECT ${column} AS value FROM atom WHERE seq = 1`,
      );
      const whole = query.get()!.value;
      const put = (value: Uint8Array) =>
        store.db.query(`UPDATE atom SET ${column} = ? WHERE seq = 1`).run(value);
      const flipped = whole.slice();
      flipped[flipped.length >> 1]! ^= 1;
      put(flipped);
      expect(faultOf(() => store.get(id!)).message).toContain("damaged on disk");
      expect(store.get(other!)?.payload_json).toContain("fox");
      expect(store.check().findings).toContainEqual(expect.objectContaining({ table: "atom", seq: 1 }));
      put(whole);
    }
    store.finish();
  });

  test("a value that was put in another's place is not answered", () => {
    const store = new Store(new ManualClock(), { keyring: KEYRING });
    const [id] = store.batch(["owl", "fox"]);
    const stored = store.db.query<{ payload: Uint8Array }, []>("SELECT payload FROM atom ORDER BY seq").all();
    store.db.query("UPDATE atom SET payload = ? WHERE seq = 1").run(stored[1]!.payload);
    expect(faultOf(() => store.get(id!)).code).toBe("storage_error");
    store.discard();
  });
});

test("an own id is settled, and an answer kept, as ever", () => {
  withStore((store) => {
    const id = "019a0000-0000-7000-8000-000000000001";
    const given = { id, payload_json: '"owl"' };
    store.remember(given);
    store.restart();
    expect(store.remember(given)).toBe(id);
    expect(faultOf(() => store.remember({ ...given, payload_json: '"fox"' })).code).toBe("conflict");
  });
});
