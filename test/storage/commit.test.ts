/** Requests that wait together are committed together; each stands or falls alone; a failed disk acknowledges nothing. */
import { describe, expect, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { bytesToId, Fault, invalid, LIMITS } from "../../src/base/mod.ts";
import { insertAtom, type Job, manageWorld } from "../../src/storage/mod.ts";
import { faultOf, note, type Store, withStore } from "./harness.ts";

const remember =
  (text: string, extra = {}): Job<string> =>
  (ctx) =>
    bytesToId(insertAtom(ctx, { ...note(extra), payload_json: text }));

const bug: Job<string> = () => {
  throw new TypeError("a bug");
};

/** "value" or the fault's code of each outcome. */
function outcomes(store: Store, jobs: Job<string>[]): string[] {
  return store.writer.commit(jobs).map((outcome) => {
    if ("value" in outcome) return "value";
    return outcome.fault instanceof Fault ? outcome.fault.code : (outcome.fault as Error).message;
  });
}

describe("group commit", () => {
  test("one transaction and one fsync serve the whole group", () => {
    withStore((store) => {
      const before = store.writer.status();
      store.writer.commit(Array.from({ length: 50 }, (_, i) => remember(String(i))));
      const after = store.writer.status();
      expect(after.commits - before.commits).toBe(1);
      expect(after.fsyncs - before.fsyncs).toBe(1);
      expect(after.atoms).toBe(50);
    });
  });

  test("a refused job leaves the others", () => {
    withStore((store) => {
      store.world("create", "closed");
      store.world("archive", "closed");
      const jobs = [remember("a"), remember("no", { world: "closed" }), remember("b")];
      expect(outcomes(store, jobs)).toEqual(["value", "world_archived", "value"]);
      expect(store.replay()).toEqual(["a", "b"]);
    });
  });

  test("a job that breaks is isolated: the others are committed without it", () => {
    withStore((store) => {
      const broken: Job<string> = (ctx) => {
        remember("half")(ctx);
        return bug(ctx);
      };
      expect(outcomes(store, [remember("a"), broken, remember("b")])).toEqual(["value", "a bug", "value"]);
      expect(store.replay()).toEqual(["a", "b"]);
    });
  });

  test("a job that refuses after it has changed something changes nothing", () => {
    withStore((store) => {
      const late: Job<string> = (ctx) => {
        remember("half", { world: "made on the way" })(ctx);
        throw invalid("too late");
      };
      expect(outcomes(store, [remember("a"), late, remember("b")])).toEqual([
        "value",
        "invalid_input",
        "value",
      ]);
      expect(outcomes(store, [late])).toEqual(["invalid_input"]);
      expect(store.replay()).toEqual(["a", "b"]);
      expect(store.worlds()).toEqual(["home"]);
    });
  });

  test("a rollback leaves no trace in what the writer keeps at hand", () => {
    withStore((store) => {
      const session = { labels: ["session:s"] };
      store.batch([note({ payload_json: "1", ...session }), note("2")]);
      const head = store.writer.head;
      const broken: Job<string> = (ctx) => {
        remember("in session", session)(ctx);
        remember("loose")(ctx);
        remember("elsewhere", { world: "never" })(ctx);
        for (let i = 0; i < LIMITS.textTail; i++) remember(`fills the tail ${i}`)(ctx);
        manageWorld(ctx, { action: "archive", world: "home" });
        return bug(ctx);
      };
      expect(outcomes(store, [broken])).toEqual(["a bug"]);
      expect(store.writer.head).toBe(head);
      expect(store.writer.status().atoms).toBe(2);
      expect(outcomes(store, [remember("3", session), remember("4")])).toEqual(["value", "value"]);
      const docs = store.read((reader) => [...reader.docs(reader.world("home")!.id)]);
      expect(docs.map(({ prev, next }) => [prev, next])).toEqual([
        [0, 3],
        [0, 4],
        [1, 0],
        [2, 0],
      ]);
      expect(store.worlds()).toEqual(["home"]);
    });
  });
});

describe("a full disk", () => {
  /** No page may be added from now on. */
  const fill = (store: Store): void => {
    store.pass(1000);
    const { page_count } = store.db.query<{ page_count: number }, []>("PRAGMA page_count").get()!;
    store.db.run(`PRAGMA max_page_count=${page_count}`);
  };
  const large = "x".repeat(LIMITS.payloadBytes);

  test("every job of the group is refused with disk_full, nothing is changed", () => {
    withStore((store) => {
      store.remember({ payload_json: "kept" });
      fill(store);
      expect(outcomes(store, [remember("small"), remember(large)])).toEqual(["disk_full", "disk_full"]);
      expect(store.replay()).toEqual(["kept"]);
      expect(store.writer.status().atoms).toBe(1);
    });
  });

  test("reading goes on, and writing goes on when there is room again", () => {
    withStore((store) => {
      store.remember({ payload_json: "kept" });
      fill(store);
      expect(faultOf(() => store.remember({ payload_json: large })).code).toBe("disk_full");
      expect(store.replay()).toEqual(["kept"]);
      store.db.run("PRAGMA max_page_count=1000000");
      store.remember({ payload_json: "later" });
      expect(store.replay()).toEqual(["kept", "later"]);
    });
  });

  test("forgetting makes room", () => {
    withStore((store) => {
      const id = store.remember({ payload_json: large });
      fill(store);
      expect(faultOf(() => store.remember({ payload_json: large })).code).toBe("disk_full");
      store.forget(id);
      store.remember({ payload_json: large });
      expect(store.replay()).toEqual([large]);
    });
  });
});

describe("a failing device", () => {
  const fails: Job<string> = (ctx) => {
    remember("unknown")(ctx);
    throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_FSYNC" });
  };

  test("nothing of the group is acknowledged, and the database is opened anew", () => {
    withStore((store) => {
      store.remember({ payload_json: "before" });
      const old = store.db;
      expect(outcomes(store, [remember("a"), fails])).toEqual(["storage_error", "storage_error"]);
      store.remember({ payload_json: "after" });
      expect(store.db).not.toBe(old);
      expect(store.replay()).toEqual(["before", "after"]);
    });
  });

  test("while it cannot be opened every write is refused; then it goes on", () => {
    withStore((store) => {
      store.remember({ payload_json: "before" });
      store.pass(1000);
      store.closeReader();
      const path = store.reader.place.database;
      store.closeReader();
      expect(outcomes(store, [fails])).toEqual(["storage_error"]);
      renameSync(path, `${path}.away`);
      writeFileSync(path, "no database");
      expect(outcomes(store, [remember("a"), remember("b")])).toEqual(["damaged", "damaged"]);
      expect(faultOf(() => store.writer.maintain(true)).code).toBe("damaged");
      expect(faultOf(() => store.writer.status()).code).toBe("damaged");
      renameSync(`${path}.away`, path);
      expect(outcomes(store, [remember("a")])).toEqual(["value"]);
      expect(store.replay()).toEqual(["before", "a"]);
    });
  });
});

describe("relaxed durability", () => {
  test("commits without an fsync; one fsync within the window covers all of them", () => {
    withStore(
      (store) => {
        store.pass(1, false);
        const { fsyncs } = store.writer.status();
        for (let i = 0; i < 10; i++) store.writer.commit([remember(String(i))], true);
        expect(store.writer.status().fsyncs).toBe(fsyncs);
        expect(store.writer.maintain(false)).toBeLessThanOrEqual(200);
        store.pass(200, false);
        expect(store.writer.status().fsyncs).toBe(fsyncs + 1);
        store.pass(1000, false);
        expect(store.writer.status().fsyncs).toBe(fsyncs + 1);
      },
      { relaxedWindowMs: 200 },
    );
  });

  test("a durable commit covers the relaxed ones before it", () => {
    withStore((store) => {
      store.clock.advance(1);
      store.writer.commit([remember("relaxed")], true);
      store.remember("durable");
      const { fsyncs } = store.writer.status();
      store.pass(5000, false);
      expect(store.writer.status().fsyncs).toBe(fsyncs);
    });
  });
});

describe("a durable answer that writes nothing", () => {
  const id = "0190b2a0-0000-7000-8000-000000000001";

  test("waits for the fsync of the relaxed commit that it speaks of", () => {
    withStore((store) => {
      store.clock.advance(1);
      store.writer.commit([remember("a", { id })], true);
      const { fsyncs } = store.writer.status();
      store.writer.commit([remember("a", { id })]);
      expect(store.writer.status().fsyncs).toBe(fsyncs + 1);
      store.writer.commit([remember("a", { id })]);
      expect(store.writer.status().fsyncs).toBe(fsyncs + 1);
    });
  });
});

describe("checkpoints", () => {
  const chunk = (store: Store): string[] =>
    store.batch(Array.from({ length: 10 }, () => ({ payload_json: "x".repeat(100_000) })));

  test("a long run never lets the WAL outgrow its bounds", () => {
    withStore((store) => {
      let largest = 0;
      for (let i = 0; i < 60; i++) {
        chunk(store);
        largest = Math.max(largest, store.writer.status().walBytes);
        store.writer.maintain(false);
      }
      expect(largest).toBeGreaterThan(LIMITS.walPassiveBytes);
      expect(largest).toBeLessThan(LIMITS.walRestartBytes);
    });
  });

  test("an idle node folds the WAL away", () => {
    withStore((store) => {
      store.remember("a");
      expect(store.writer.status().walBytes).toBeGreaterThan(0);
      store.pass(10);
      expect(store.writer.status().walBytes).toBe(0);
    });
  });

  test("a reader in the way only delays it", () => {
    withStore((store) => {
      store.remember("a");
      store.read(() => {
        store.remember("b");
        store.pass(1000);
        expect(store.writer.status().walBytes).toBeGreaterThan(0);
      });
      store.pass(1000);
      expect(store.writer.status().walBytes).toBe(0);
    });
  });

  test("free pages are given back to the file system while idle", () => {
    withStore((store) => {
      const ids = Array.from({ length: 6 }, () => chunk(store)).flat();
      store.pass(1000);
      const full = store.writer.status().databaseBytes;
      store.forget(...ids);
      store.pass(10 * 60_000);
      expect(store.writer.status().databaseBytes).toBeLessThan(full - 1_000_000);
    });
  });
});
