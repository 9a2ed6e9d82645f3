/**
 * Forgetting is real: within LIMITS.forgetPurgeMs no file of the data directory holds a byte string that only the
 * forgotten atoms held, be it text, index token, label, worker name or vector.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type NewAtom, vectorToBytes } from "../../src/atom/mod.ts";
import { LIMITS, layout } from "../../src/base/mod.ts";
import { foundIn, note, Store, withPlainStore } from "./harness.ts";

/** What the purge cleans in one step. */
const SLICE = 1024 * 1024;

/** A word that stands nowhere else; made anew in each run, so that no page can hold it by chance. */
function marker(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(10));
  return BigInt(`0x${bytes.toHex()}`).toString(36).padStart(16, "q");
}

interface Marked {
  atom: NewAtom;
  /** What must be nowhere. FTS5 shares the beginnings of words between neighbours, so that the last ten bytes count. */
  needles: (string | Uint8Array)[];
}

/** An atom with markers of every sort. */
function marked(given: Partial<NewAtom> = {}): Marked {
  const [word, label, flag, worker, target] = [marker(), marker(), marker(), marker(), marker()];
  const vector = Array.from({ length: 24 }, () => Math.random());
  const atom = note({
    payload_json: JSON.stringify({ text: `the owl ${word} flies`, n: 1 }),
    labels: [label],
    flags: [flag],
    worker,
    links: [{ target, kind: "references" }],
    vector,
    ...given,
  });
  const needles = [word, label, flag, worker, target].map((text) => text.slice(-10));
  return { atom, needles: [...needles, vectorToBytes(vector).slice(4, 20)] };
}

/** An atom whose links to words, entered in a random order, make pages split. */
function linked(): Marked {
  const targets = Array.from({ length: 40 }, marker);
  const links = targets.map((target) => ({ target, kind: "references" as const }));
  return { atom: note({ links }), needles: targets.map((target) => target.slice(-10)) };
}

/** Each needle must be found before and in no file after. */
class Needles {
  private readonly all: (string | Uint8Array)[] = [];

  /** Remembers marked atoms in one transaction. */
  remember(store: Store, given: Marked[]): string[] {
    const ids = store.batch(given.map(({ atom }) => atom));
    const needles = given.flatMap((one) => one.needles);
    expect(foundIn(store.dir, needles)).toEqual(needles);
    this.all.push(...needles);
    return ids;
  }

  expectGone(store: Store): void {
    expect(foundIn(store.dir, this.all)).toEqual([]);
  }
}

/** Forgets linked atoms in a way that leaves copies of their words in the unused parts of pages. */
function forgetLinked(store: Store, needles: Needles): void {
  const [ids, others]: [string[], string[]] = [[], []];
  for (let i = 0; i < 15; i++) {
    ids.push(...needles.remember(store, Array.from({ length: 4 }, linked)));
    others.push(...store.batch(Array.from({ length: 8 }, () => linked().atom)));
  }
  store.forget(...others.filter((_, i) => i % 2 === 0));
  store.forget(...ids);
}

const filler = (n: number, words = 30): NewAtom[] =>
  Array.from({ length: n }, (_, i) =>
    note({ payload_json: `${i} ${Array.from({ length: words }, marker).join(" ")}`, labels: [marker()] }),
  );

describe("within a minute no file holds", () => {
  test("a forgotten atom of the tail", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      const [id] = needles.remember(store, [marked()]);
      store.forget(id!);
      store.purge();
      needles.expectGone(store);
    });
  });

  test("one of the folded index, among others that stay", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      store.batch(filler(200));
      const ids = needles.remember(store, [marked(), marked()]);
      store.batch(filler(200));
      const kept = store.replay().length - ids.length;
      store.forget(...ids);
      store.purge();
      needles.expectGone(store);
      expect(store.replay()).toHaveLength(kept);
    });
  });

  test("many, forgotten one by one and together, spread over the log", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      const ids: string[] = [];
      for (let round = 0; round < 6; round++) {
        ids.push(
          ...needles.remember(
            store,
            Array.from({ length: 8 }, () => marked()),
          ),
        );
        store.batch(filler(70, 60));
        store.pass(1000);
      }
      for (const id of ids.slice(0, 20)) store.forget(id);
      store.pass(500);
      store.forget(...ids.slice(20));
      store.purge();
      needles.expectGone(store);
    });
  });

  test("payloads over many pages, and those just around a page", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      const sizes = [900, 950, 2000, 3990, 4050, 4096, 8200, 100_000, LIMITS.payloadBytes];
      const atoms = sizes.map((size) => {
        const [head, tail] = [marker(), marker()];
        const payload_json = `${head} ${"x".repeat(size - 34)} ${tail}`;
        const { atom, needles: rest } = marked({ payload_json });
        return { atom, needles: [head.slice(-10), tail.slice(-10), ...rest.slice(1)] };
      });
      const ids = needles.remember(store, atoms);
      store.batch(filler(100));
      store.forget(...ids);
      store.purge();
      needles.expectGone(store);
    });
  });

  test("what was remembered and forgotten in one batch", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      store.forget(
        ...needles.remember(
          store,
          Array.from({ length: 300 }, () => marked()),
        ),
      );
      store.purge();
      needles.expectGone(store);
    });
  }, 30_000);

  test("what retention took", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      needles.remember(
        store,
        Array.from({ length: 30 }, () => marked({ importance: 0 })),
      );
      store.batch(filler(100));
      store.policy("home", { min_importance: 0.1 });
      store.purge();
      needles.expectGone(store);
      expect(store.writer.status().evictions).toBe(30);
    });
  });

  test("a deleted world", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      needles.remember(
        store,
        Array.from({ length: 100 }, () => marked({ world: "doomed" })),
      );
      store.batch(filler(100));
      store.world("delete", "doomed");
      store.purge();
      needles.expectGone(store);
    });
  });

  test("one that pages were merged around before it was forgotten", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      const ids: string[] = [];
      const around: string[] = [];
      for (let i = 0; i < 40; i++) {
        around.push(...store.batch(filler(9, 10)).slice(1));
        ids.push(...needles.remember(store, [marked()]));
      }
      store.forget(...around);
      store.forget(...ids);
      store.purge();
      needles.expectGone(store);
    });
  });

  test("vectors that the node made of the text", () => {
    const made: Uint8Array[] = [];
    const embed = (): Int8Array => {
      const q = crypto.getRandomValues(new Int8Array(64));
      made.push(new Uint8Array(q));
      return q;
    };
    const space = { model: "test", dimension: 64, version: 1 };
    withPlainStore(
      (store) => {
        const ids = store.batch(filler(300, 3));
        store.forget(...ids.filter((_, i) => i % 3 === 0));
        store.forget(...ids.filter((_, i) => i % 3 === 1));
        expect(foundIn(store.dir, made)).toEqual(made);
        store.purge();
        expect(foundIn(store.dir, made)).toEqual(made.filter((_, i) => i % 3 === 2));
      },
      { vectors: { space, embed } },
    );
  });

  test("words that links led to", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      forgetLinked(store, needles);
      store.purge();
      needles.expectGone(store);
    });
  });

  test("what lay on pages that were written while the purge was at work, and folded by a checkpoint", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      store.batch(Array.from({ length: 12 }, () => note("x".repeat(LIMITS.payloadBytes - 100))));
      store.batch(Array.from({ length: 300 }, () => linked().atom));
      store.forget(...needles.remember(store, Array.from({ length: 60 }, linked)));
      store.pass(LIMITS.forgetFirstTryMs);
      expect(store.writer.status().databaseBytes).toBeGreaterThan(3 * SLICE);
      for (let i = 0; i < 10; i++) {
        store.batch([linked().atom, linked().atom]);
        // the node seems idle every other time, so that checkpoints fall between the steps of the purge
        store.writer.maintain(i % 2 === 1);
      }
      store.purge();
      needles.expectGone(store);
    });
  });

  test("what was forgotten while others were remembered without a pause", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      const ids: string[] = [];
      for (let i = 0; i < 6; i++) {
        store.batch(filler(100, 100));
        ids.push(...needles.remember(store, [marked(), marked()]));
      }
      store.pass(1000);
      store.forget(...ids);
      const end = store.clock.monotonic() + LIMITS.forgetPurgeMs;
      while (store.clock.monotonic() < end) {
        store.batch(filler(4));
        // seemingly idle now and then
        for (const idle of [false, true, false]) store.writer.maintain(idle);
        store.clock.advance(200);
      }
      needles.expectGone(store);
    });
  }, 30_000);
});

describe("the purge", () => {
  test("cannot cut the WAL while a reader holds a snapshot, and does when it is gone", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      const [id] = needles.remember(store, [marked()]);
      store.pass(1000);
      store.read((reader) => {
        store.forget(id!);
        store.pass(LIMITS.forgetPurgeMs);
        expect(reader.atomById(id!)).toBeDefined();
        expect(store.writer.status().walBytes).toBeGreaterThan(0);
      });
      store.purge();
      needles.expectGone(store);
    });
  });

  test("goes on after the node was closed before it was done", () => {
    withPlainStore((store) => {
      const needles = new Needles();
      forgetLinked(store, needles);
      store.restart();
      store.purge();
      needles.expectGone(store);
    });
  });

  test.each([0, 1, 2, 3])("goes on after the node was killed, %d steps into it", (steps) => {
    const before = new Store();
    const needles = new Needles();
    before.batch(Array.from({ length: 8 }, () => note("x".repeat(LIMITS.payloadBytes - 100))));
    forgetLinked(before, needles);
    before.pass(LIMITS.forgetFirstTryMs);
    for (let i = 0; i < steps; i++) before.writer.maintain(false);
    const store = before.crash();
    store.purge();
    needles.expectGone(store);
    store.finish();
  });

  test("also removes copies that a migration kept, whole or not", () => {
    withPlainStore((store) => {
      const { migrationCopy } = layout(store.dir);
      const id = store.remember("x");
      for (const path of [migrationCopy, `${migrationCopy}.tmp`]) writeFileSync(path, "a copy");
      // a process of this number there cannot be
      const killed = join(store.dir, ".dwbase-work-4194305");
      mkdirSync(killed);
      writeFileSync(join(killed, "dwbase.db"), "a copy");
      store.purge();
      expect(existsSync(migrationCopy)).toBe(true);
      store.forget(id);
      store.purge();
      expect(existsSync(migrationCopy)).toBe(false);
      expect(existsSync(`${migrationCopy}.tmp`)).toBe(false);
      expect(existsSync(killed)).toBe(false);
    });
  });

  test("leaves the database sound and every other atom readable", () => {
    withPlainStore((store) => {
      const all = filler(400);
      const ids = store.batch(all);
      store.forget(...ids.filter((_, i) => i % 3 === 0));
      store.purge();
      expect(store.db.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
      expect(store.replay()).toEqual(all.filter((_, i) => i % 3 !== 0).map((atom) => atom.payload_json));
    });
  });

  test("a tombstone stays, with nothing but the id, the time and the key's name", () => {
    withPlainStore((store) => {
      const id = store.remember("x");
      store.forget(id);
      store.purge();
      const [row] = store.db
        .query<Record<string, unknown>, []>("SELECT at_ms, key, seq FROM tombstone")
        .all();
      expect(row).toEqual({ at_ms: expect.any(Number), key: "test key", seq: 2 });
      expect(store.read((reader) => reader.isForgotten(id))).toBe(true);
    });
  });
});
