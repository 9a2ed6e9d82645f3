/** The deep check of the table `vec`: presence, dimension, belonging, and each byte where vectors can be made again. */
import { describe, expect, test } from "bun:test";
import { ManualClock } from "../../src/base/mod.ts";
import { loadModel, StaticEmbedder } from "../../src/embedder/mod.ts";
import { checkStore } from "../../src/storage/mod.ts";
import { KEYRING, Store, withPlainStore } from "./harness.ts";

const embedder = new StaticEmbedder(await loadModel());
const vectors = { space: embedder.space, embed: (text: string) => embedder.embedInt8(text) };

function problems(store: Store): [number | undefined, string][] {
  const { findings } = checkStore(store.dir, { deep: true, vectors, keyring: { keys: KEYRING.keys } });
  return findings.map(({ table, seq, problem }) => {
    expect(table).toBe("vec");
    return [seq, problem];
  });
}

/** A store with three vectors that `sql` damages; the deep check is to find what is given. */
function finds(sql: string, ...expected: [number, string][]): void {
  withPlainStore(
    (store) => {
      store.batch(["an owl in the barn", "a fox on the hill", "rain tomorrow"]);
      store.db.run("CREATE TEMP TABLE kept AS SELECT * FROM vec");
      store.db.run(sql);
      expect(problems(store)).toEqual(expected.map(([seq, what]) => [seq, expect.stringContaining(what)]));
      store.db.run("DELETE FROM vec");
      store.db.run("INSERT INTO vec SELECT * FROM kept");
      expect(problems(store)).toEqual([]);
    },
    { vectors },
  );
}

describe("the deep check finds", () => {
  test("one flipped bit of a vector", () => {
    withPlainStore(
      (store) => {
        store.batch(["an owl in the barn", "a fox on the hill"]);
        const { q } = store.db.query<{ q: Uint8Array }, []>("SELECT q FROM vec WHERE seq = 2").get()!;
        const put = (bytes: Uint8Array) => store.db.query("UPDATE vec SET q = ? WHERE seq = 2").run(bytes);
        for (const bit of [0, 777, q.length * 8 - 1]) {
          const flipped = q.slice();
          flipped[bit >> 3]! ^= 1 << (bit & 7);
          put(flipped);
          expect(problems(store)).toEqual([[2, expect.stringContaining("not that of its text")]]);
        }
        put(q);
      },
      { vectors },
    );
  });

  test("a missing one", () => finds("DELETE FROM vec WHERE seq = 2", [2, "no vector"]));
  test("one of another length", () => finds("UPDATE vec SET q = x'01' WHERE seq = 3", [3, "cannot be read"]));
  test("one of no atom", () =>
    finds("INSERT INTO vec SELECT space, 9, seq, q FROM vec WHERE seq = 1", [1, "no atom or no space"]));
});

test("a sealed vector with a flipped bit cannot be read", () => {
  const store = new Store(new ManualClock(), { vectors, keyring: KEYRING });
  store.remember("owl");
  const { q } = store.db.query<{ q: Uint8Array }, []>("SELECT q FROM vec").get()!;
  const flipped = q.slice();
  flipped[20]! ^= 1;
  store.db.query("UPDATE vec SET q = ?").run(flipped);
  expect(problems(store)).toEqual([[1, expect.stringContaining("cannot be read")]]);
  store.db.query("UPDATE vec SET q = ?").run(q);
  store.finish();
});
