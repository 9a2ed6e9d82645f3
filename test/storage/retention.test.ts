/** Nothing goes until a policy says so; then the least worth keeping goes first, and what is pinned or held stays. */
import { describe, expect, test } from "bun:test";
import { type NewAtom, PIN } from "../../src/atom/mod.ts";
import { LIMITS, ManualClock, newIdBytes } from "../../src/base/mod.ts";
import { FAMILY, storeStats } from "../../src/storage/mod.ts";
import { DAY, faultOf, note, Store, withPlainStore, withStore } from "./harness.ts";

const YEAR = 365 * DAY;

/** An atom so many days old. */
const aged = (store: Store, days: number, extra: Partial<NewAtom> = {}): NewAtom =>
  note({
    timestamp: new Date(store.clock.now() - days * DAY).toISOString(),
    payload_json: String(days),
    ...extra,
  });

const pass = (store: Store): void => store.pass(2 * LIMITS.retentionEveryMs);

describe("without a policy", () => {
  test("nothing goes, however old or unimportant", () => {
    withStore((store) => {
      store.batch([aged(store, 10_000, { importance: 0 })]);
      store.policy("another", { min_importance: 1, retention_days: 0, max_bytes: 0 });
      store.pass(2 * DAY);
      expect(store.replay()).toEqual(["10000"]);
    });
  });
});

describe("retention_days", () => {
  test("what is older goes, and is counted", () => {
    withStore((store) => {
      store.batch([aged(store, 8), aged(store, 6), aged(store, 7.1), aged(store, 0)]);
      store.policy("home", { retention_days: 7 });
      pass(store);
      expect(store.replay()).toEqual(["6", "0"]);
      expect(store.writer.status()).toMatchObject({ atoms: 2, evictions: 2 });
    });
  });

  test("an atom goes when its time has come", () => {
    withStore((store) => {
      store.remember(aged(store, 6));
      store.policy("home", { retention_days: 7 });
      pass(store);
      expect(store.replay()).toEqual(["6"]);
      store.pass(DAY);
      pass(store);
      expect(store.replay()).toEqual([]);
    });
  });

  test("holds over restarts and in archived worlds", () => {
    withStore((store) => {
      store.remember(aged(store, 8));
      store.policy("home", { retention_days: 7 });
      store.world("archive", "home");
      store.restart();
      pass(store);
      expect(store.replay()).toEqual([]);
    });
  });

  test("a clock that steps forward by years takes nothing for a day", () => {
    withStore((store) => {
      store.remember(aged(store, 1));
      store.policy("home", { retention_days: 30 });
      pass(store);
      store.clock.step(store.clock.now() + 10 * YEAR);
      store.pass(LIMITS.clockQuarantineMs - LIMITS.retentionEveryMs);
      expect(store.replay()).toEqual(["1"]);
      store.pass(2 * LIMITS.retentionEveryMs);
      expect(store.replay()).toEqual([]);
    });
  });

  test("a step that is taken back takes nothing at all", () => {
    withStore((store) => {
      store.remember(aged(store, 1));
      store.policy("home", { retention_days: 30 });
      const before = store.clock.now();
      store.clock.step(before + 10 * YEAR);
      store.pass(3600_000);
      store.clock.step(before + 3600_000);
      store.pass(3 * DAY);
      expect(store.replay()).toEqual(["1"]);
    });
  });

  test("a clock before the build date is never believed", () => {
    const store = new Store(new ManualClock(DAY));
    store.remember({ payload_json: "old", timestamp: "1960-01-01T00:00:00.000Z" });
    store.policy("home", { retention_days: 1 });
    store.pass(5 * DAY);
    expect(store.replay()).toEqual(["old"]);
    store.finish();
  });

  test("an atom from before the clock was set is spared: its age is not known", () => {
    const store = new Store(new ManualClock(DAY));
    store.remember({ payload_json: "unsure" });
    store.clock.step(new ManualClock().now());
    store.batch([aged(store, 8)]);
    store.policy("home", { retention_days: 7 });
    store.pass(3 * DAY);
    expect(store.replay()).toEqual(["unsure"]);
    store.finish();
  });
});

describe("min_importance", () => {
  test("what is less important goes", () => {
    withStore((store) => {
      store.batch([0, 0.29, 0.3, 1].map((importance) => ({ importance, payload_json: String(importance) })));
      store.policy("home", { min_importance: 0.3 });
      pass(store);
      expect(store.replay()).toEqual(["0.3", "1"]);
    });
  });

  test("needs no clock", () => {
    const store = new Store(new ManualClock(0));
    store.remember({ importance: 0 });
    store.policy("home", { min_importance: 0.5 });
    pass(store);
    expect(store.replay()).toEqual([]);
    store.finish();
  });
});

describe("max_bytes", () => {
  const size = 1000;
  const sized = (store: Store, days: number, extra: Partial<NewAtom> = {}): NewAtom =>
    aged(store, days, { worker: "w", payload_json: String(days).padEnd(size - 1, "."), ...extra });
  const left = (store: Store): number[] => store.replay().map((payload) => Number.parseInt(payload, 10));

  test("the oldest go until the world fits", () => {
    withStore((store) => {
      store.batch([3, 5, 1, 4, 2].map((days) => sized(store, days)));
      store.policy("home", { max_bytes: 3 * size });
      pass(store);
      expect(left(store)).toEqual([3, 1, 2]);
    });
  });

  test("what is superseded goes before what is older", () => {
    withStore((store) => {
      const [, newer] = store.batch([sized(store, 5), sized(store, 1)]);
      store.remember(sized(store, 0, { links: [{ target: newer!, kind: "supersedes" }] }));
      store.policy("home", { max_bytes: 2 * size + 100 });
      pass(store);
      expect(left(store)).toEqual([5, 0]);
    });
  });

  test("of a session's memories those that never helped go first, the most faded first", () => {
    withStore((store) => {
      const keep = (days: number, stability: number, reviews: number): void => {
        const id = newIdBytes(0);
        store.remember(sized(store, days), { id, family: FAMILY.episode, stability, change: { reviews } });
      };
      keep(9, 1, 1);
      keep(2, 1, 0);
      keep(3, 100, 0);
      keep(4, 1, 0);
      store.policy("home", { max_bytes: 2 * size });
      pass(store);
      expect(left(store)).toEqual([9, 3]);
      store.policy("home", { max_bytes: size });
      pass(store);
      expect(left(store)).toEqual([9]);
    });
  });

  test("a world that fits loses nothing", () => {
    withStore((store) => {
      store.batch([sized(store, 1), sized(store, 2)]);
      store.policy("home", { max_bytes: 2 * size });
      pass(store);
      expect(left(store)).toEqual([1, 2]);
    });
  });
});

describe("exempt are", () => {
  test("atoms labelled pin", () => {
    withStore((store) => {
      store.batch([aged(store, 9, { labels: [PIN] }), aged(store, 8, { labels: ["pinned"] })]);
      store.policy("home", { retention_days: 1, min_importance: 1, max_bytes: 0 });
      pass(store);
      expect(store.replay()).toEqual(["9"]);
    });
  });

  test.each(["references", "confirms", "contradicts"] as const)("targets that a kept atom %s", (kind) => {
    withStore((store) => {
      const target = store.remember(aged(store, 9));
      const keeper = store.remember(aged(store, 0, { links: [{ target, kind }] }));
      store.policy("home", { retention_days: 1 });
      pass(store);
      expect(store.replay()).toEqual(["9", "0"]);
      store.forget(keeper);
      pass(store);
      expect(store.replay()).toEqual([]);
    });
  });

  test("but not what is superseded only", () => {
    withStore((store) => {
      const target = store.remember(aged(store, 9));
      store.remember(aged(store, 0, { links: [{ target, kind: "supersedes" }] }));
      store.policy("home", { retention_days: 1 });
      pass(store);
      expect(store.replay()).toEqual(["0"]);
    });
  });

  test("and many exempt atoms at the front keep none behind them from going", () => {
    withStore((store) => {
      const pinned = Array.from({ length: LIMITS.retentionRows + 10 }, () =>
        aged(store, 9, { labels: [PIN] }),
      );
      store.batch(pinned);
      store.batch([aged(store, 8), aged(store, 7), aged(store, 0)]);
      store.policy("home", { retention_days: 1, max_bytes: 1 });
      pass(store);
      expect(new Set(store.replay())).toEqual(new Set(["9"]));
      expect(store.writer.status().atoms).toBe(pinned.length);
    });
  });
});

test("more than one slice goes without waiting for the next minute", () => {
  withStore((store) => {
    const many = LIMITS.retentionRows * 3 + 1;
    store.batch(Array.from({ length: many }, () => note({ importance: 0 })));
    store.policy("home", { min_importance: 1 });
    store.pass(1000);
    expect(store.writer.status()).toMatchObject({ atoms: 0, evictions: many });
  });
});

describe("a policy", () => {
  test("takes the place of the one before, with an id of its own", () => {
    withStore((store) => {
      store.remember({ importance: 0.2 });
      const first = store.policy("home", { min_importance: 0.5 });
      const second = store.policy("home", { retention_days: 100 });
      expect(second).not.toBe(first);
      pass(store);
      expect(store.replay()).toHaveLength(1);
    });
  });

  test("of a tenant holds for its worlds, unless one has its own", () => {
    withStore((store) => {
      const worlds = ["tenant:a/x", "tenant:a/y", "tenant:a", "tenant:ab/x", "x/tenant:a"];
      store.batch(worlds.map((world) => ({ world, importance: 0.2 })));
      store.policy("tenant:a", { min_importance: 0.5 });
      store.policy("tenant:a/y", { min_importance: 0.1 });
      pass(store);
      expect(worlds.filter((world) => store.replay(world).length > 0)).toEqual([
        "tenant:a/y",
        "tenant:ab/x",
        "x/tenant:a",
      ]);
    });
  });

  test("that is damaged on disk is not applied and is told of; the others are applied, forgetting goes on", () => {
    withStore((store) => {
      store.batch([{ importance: 0.5 }, { importance: 0.5, world: "zone" }]);
      store.policy("home", { min_importance: 0.1 });
      store.policy("zone", { min_importance: 0.6 });
      store.db.run("UPDATE policy SET min_importance = 0.9 WHERE world = 'home'");
      const told: string[] = [];
      for (let i = 0; i < 200; i++) {
        try {
          store.clock.advance(Math.max(1, Math.min(1000, store.writer.maintain(true))));
        } catch (error) {
          told.push((error as Error).message);
        }
      }
      expect(told[0]).toContain('"policy" is damaged');
      expect([store.replay().length, store.replay("zone").length]).toEqual([1, 0]);
      expect(store.db.query("SELECT value FROM meta WHERE key = 'purge_due'").values()).toEqual([
        [new Uint8Array([48])],
      ]);
      store.policy("home", { min_importance: 0 });
    });
  });

  test("does not touch a damaged atom, nor is held up by it", () => {
    withPlainStore((store) => {
      store.batch([aged(store, 9), aged(store, 8)]);
      store.db.run("UPDATE atom SET payload = 'x' WHERE seq = 1");
      store.policy("home", { retention_days: 1 });
      pass(store);
      expect(store.read((reader) => [...reader.docs(1)].map((doc) => doc.seq))).toEqual([1]);
      store.db.run("UPDATE atom SET payload = '9' WHERE seq = 1");
      pass(store);
      expect(store.replay()).toEqual([]);
    });
  });
});

describe("worlds", () => {
  test("remembering creates one; its name is sorted among the others", () => {
    withStore((store) => {
      store.batch(["b", "a", "ä", "B"].map((world) => ({ world })));
      expect(store.worlds()).toEqual(["B", "a", "b", "ä"]);
    });
  });

  test("an archived one is read, takes nothing new, and can be resumed", () => {
    withStore((store) => {
      store.remember({ payload_json: "a" });
      store.world("archive", "home");
      expect(faultOf(() => store.remember("b")).code).toBe("world_archived");
      store.restart();
      expect(faultOf(() => store.remember("b")).code).toBe("world_archived");
      expect(store.replay()).toEqual(["a"]);
      store.world("resume", "home");
      store.remember({ payload_json: "b" });
      expect(store.replay()).toEqual(["a", "b"]);
    });
  });

  test("creating one that is there is a conflict; managing one that is not there is not found", () => {
    withStore((store) => {
      store.world("create", "home");
      expect(faultOf(() => store.world("create", "home")).code).toBe("conflict");
      for (const action of ["archive", "resume", "delete"] as const)
        expect(faultOf(() => store.world(action, "away")).code).toBe("not_found");
    });
  });

  test("a deleted one is gone at once with its policy; its name is free", () => {
    withStore((store) => {
      store.remember({ payload_json: "old", importance: 0.1 });
      store.policy("home", { min_importance: 0.05 });
      store.world("delete", "home");
      expect(store.worlds()).toEqual([]);
      expect(store.replay()).toEqual([]);
      store.remember({ payload_json: "new", importance: 0 });
      expect(store.replay()).toEqual(["new"]);
      store.purge();
      expect(store.replay()).toEqual(["new"]);
      expect(store.writer.status()).toMatchObject({ atoms: 1, evictions: 0 });
    });
  });

  test("a large deleted one vanishes in slices, over restarts", () => {
    withStore((store) => {
      for (let i = 0; i < 3; i++) store.batch(Array.from({ length: 1000 }, (_, n) => `${i} ${n}`));
      store.remember({ world: "away", payload_json: "kept" });
      store.world("delete", "home");
      store.writer.maintain(false);
      store.restart();
      expect(store.writer.status().atoms).toBe(3001 - LIMITS.retentionRows);
      store.pass(1000);
      expect(store.writer.status()).toMatchObject({ atoms: 1, evictions: 0 });
      expect(store.replay("away")).toEqual(["kept"]);
      expect(storeStats(store.dir)).toMatchObject({ worlds: 1, atoms: 1 });
    });
  });

  test("a damaged atom does not keep one from vanishing", () => {
    withPlainStore((store) => {
      for (let i = 0; i < LIMITS.textTail; i++) store.remember(`owl ${i}`);
      store.db.run(`UPDATE atom SET payload = '{"text":"owl 7"}' WHERE seq = 7`);
      store.world("delete", "home");
      store.purge();
      expect(store.writer.status().atoms).toBe(0);
      const left = store.db.query("SELECT DISTINCT doc FROM text_v1_instance").values();
      expect(left).toEqual([[7]]);
      store.db.run("INSERT INTO text_v1(text_v1, rowid, t) VALUES('delete', 7, 'w1_owl w1_6 a1_ann')");
    });
  });
});
