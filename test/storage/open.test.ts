/** Who may open a data directory, and what is refused with a clear word and left as it was. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { LIMITS, layout } from "../../src/base/mod.ts";
import { checkStore, type Migration, StoreReader, StoreWriter } from "../../src/storage/mod.ts";
import { MIGRATIONS } from "../../src/storage/schema.ts";
import { faultOf, Store, tempDir, withPlainStore, withStore } from "./harness.ts";

/** Runs a test in a directory of its own. */
function withDir(body: (dir: string) => void): void {
  const dir = tempDir();
  try {
    body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The fault of opening, which must leave the database file as it is. */
function refusal(dir: string) {
  const { database } = layout(dir);
  const before = existsSync(database) ? readFileSync(database) : undefined;
  const fault = faultOf(() => new StoreWriter(dir));
  if (before) expect(readFileSync(database).equals(before)).toBe(true);
  return fault;
}

describe("a new store", () => {
  test("is made with the settings that cannot be changed later", () => {
    withStore((store) => {
      const value = (pragma: string): unknown => store.db.query(`PRAGMA ${pragma}`).values()[0]![0];
      const kept = ["application_id", "page_size", "auto_vacuum", "user_version", "journal_mode"].map(value);
      expect(kept).toEqual([0x64776273, LIMITS.pageSize, 2, MIGRATIONS.length, "wal"]);
      const ofConnection = ["synchronous", "secure_delete", "mmap_size", "wal_autocheckpoint"].map(value);
      expect(ofConnection).toEqual([2, 1, 0, 0]);
    });
  });

  test("makes its directory, for the owner only", () => {
    withDir((dir) => {
      const deep = join(dir, "a", "b");
      const store = new Store(undefined, {}, deep);
      store.remember("x");
      expect(statSync(deep).mode & 0o777).toBe(0o700);
      store.finish();
    });
  });

  test("comes up from an empty file too", () => {
    withDir((dir) => {
      writeFileSync(layout(dir).database, "");
      const store = new Store(undefined, {}, dir);
      store.remember("x");
      store.finish();
    });
  });
});

/** The schema of this release. */
const NEWEST = MIGRATIONS.at(-1)!.version;

describe("refused is", () => {
  test("a file that is no database", () => {
    withDir((dir) => {
      writeFileSync(layout(dir).database, "these are not the bytes you are looking for".repeat(200));
      expect(refusal(dir)).toMatchObject({ code: "damaged", message: expect.stringContaining("backup") });
      expect(faultOf(() => new StoreReader(dir)).code).toBe("damaged");
    });
  });

  test("another program's database", () => {
    withDir((dir) => {
      const db = new Database(layout(dir).database);
      db.run("CREATE TABLE recipes(name)");
      db.close();
      expect(refusal(dir).message).toContain("another program");
      expect(faultOf(() => new StoreReader(dir)).message).toContain("another program");
    });
  });

  test("a schema newer than this program knows", () => {
    const before = new Store();
    before.remember({ payload_json: "kept" });
    before.db.run("PRAGMA user_version=99");
    const { dir } = before;
    before.writer.close();
    expect(refusal(dir).message).toContain(`schema 99, newer than the ${NEWEST}`);
    expect(faultOf(() => new StoreReader(dir)).message).toContain("newer");
    rmSync(dir, { recursive: true });
  });

  test("a directory that is a file, or lies below one", () => {
    withDir((dir) => {
      const file = join(dir, "file");
      writeFileSync(file, "");
      expect(faultOf(() => new StoreWriter(file)).code).toBe("storage_error");
      expect(faultOf(() => new StoreWriter(join(file, "below"))).message).toContain("not a directory");
    });
  });

  test("a database that is a directory, and the lock is free again", () => {
    withDir((dir) => {
      mkdirSync(layout(dir).database);
      expect(() => new StoreWriter(dir)).toThrow();
      rmSync(layout(dir).database, { recursive: true });
      new StoreWriter(dir).close();
    });
  });

  test("a truncated database", () => {
    const before = new Store();
    before.batch(Array.from({ length: 200 }, (_, i) => `owl ${i}`));
    const { dir } = before;
    before.writer.close();
    truncateSync(layout(dir).database, LIMITS.pageSize * 3);
    expect(["storage_error", "damaged"]).toContain(faultOf(() => new StoreWriter(dir)).code);
    rmSync(dir, { recursive: true });
  });

  test("reading where there is nothing", () => {
    withDir((dir) => {
      expect(faultOf(() => new StoreReader(dir)).code).toBe("not_found");
      expect(faultOf(() => new StoreReader(join(dir, "missing"))).code).toBe("not_found");
    });
  });
});

describe("one node per directory", () => {
  test("a second writer is refused, readers are not", () => {
    withStore((store) => {
      store.remember({ payload_json: "a" });
      expect(refusal(store.dir).message).toContain("another dwbase uses");
      store.remember({ payload_json: "b" });
      expect(store.replay()).toEqual(["a", "b"]);
    });
  });

  test("closing twice does not free another's lock", () => {
    withStore((store) => {
      const old = store.writer;
      store.restart();
      expect(() => old.close()).toThrow();
      expect(refusal(store.dir).message).toContain("another dwbase uses");
    });
  });

  test("a lock file that was damaged or deleted meanwhile is no obstacle", () => {
    withPlainStore((store) => {
      store.remember({ payload_json: "a" });
      store.writer.close();
      const { lock } = layout(store.dir);
      writeFileSync(lock, "rubbish".repeat(1000));
      store.writer = new StoreWriter(store.dir);
      expect(refusal(store.dir).message).toContain("another dwbase uses");
      store.writer.close();
      rmSync(lock);
      store.writer = new StoreWriter(store.dir);
      expect(store.replay()).toEqual(["a"]);
    });
  });

  test("another process holds it until it ends, be it by kill -9", async () => {
    const dir = tempDir();
    const storage = resolve(import.meta.dir, "../../src/storage/mod.ts");
    const code = `
      const { StoreWriter } = await import(${JSON.stringify(storage)});
      globalThis.writer = new StoreWriter(${JSON.stringify(dir)});
      console.log("open");
      setInterval(() => {}, 1000);`;
    const child = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe" });
    try {
      await child.stdout.getReader().read();
      expect(refusal(dir).message).toContain("another dwbase uses");
    } finally {
      child.kill("SIGKILL");
      await child.exited;
    }
    new Store(undefined, {}, dir).finish();
  });
});

describe("a migration", () => {
  /** A schema as a later release would bring it. */
  const next = (up: Migration["up"]): Migration[] => [...MIGRATIONS, { version: NEWEST + 1, up }];
  const addTable = next((db) => db.run("CREATE TABLE news AS SELECT count(*) AS atoms FROM atom"));
  const version = (store: Store): unknown => store.db.query("PRAGMA user_version").values()[0]![0];

  /** A directory left by the release before. */
  function older(): string {
    const store = new Store();
    store.batch(Array.from({ length: 100 }, (_, i) => ({ payload_json: `owl ${i}` })));
    store.writer.close();
    store.closeReader();
    return store.dir;
  }

  test("is applied once, after a copy was made", () => {
    const dir = older();
    const { migrationCopy } = layout(dir);
    const start = (): void => {
      const store = new Store(undefined, { migrations: addTable }, dir);
      expect(version(store)).toBe(NEWEST + 1);
      expect(store.db.query("SELECT * FROM news").values()).toEqual([[100]]);
      store.writer.close();
    };
    start();
    expect(copiedVersion(migrationCopy)).toEqual([NEWEST, 100]);
    rmSync(migrationCopy);
    start();
    expect(existsSync(migrationCopy)).toBe(false);
    rmSync(dir, { recursive: true });
  });

  function copiedVersion(path: string): unknown[] {
    const copy = new Database(path, { readonly: true });
    try {
      return [
        copy.query("PRAGMA user_version").values()[0]![0],
        copy.query("SELECT count(*) FROM atom").values()[0]![0],
      ];
    } finally {
      copy.close();
    }
  }

  test("opens as the older release left it, when the copy takes its place", () => {
    const dir = older();
    const { migrationCopy, database } = layout(dir);
    new Store(undefined, { migrations: addTable }, dir).writer.close();
    for (const file of [`${database}-wal`, `${database}-shm`]) rmSync(file, { force: true });
    writeFileSync(database, readFileSync(migrationCopy));
    const store = new Store(undefined, {}, dir);
    expect(store.replay()).toHaveLength(100);
    store.finish();
  });

  test("that fails is rolled back whole and leaves the older schema, ready for the older release", () => {
    const dir = older();
    const broken = next((db) => {
      db.run("CREATE TABLE half(a)");
      db.run("DELETE FROM atom");
      throw new Error("the migration broke");
    });
    expect(() => new StoreWriter(dir, { migrations: broken })).toThrow("the migration broke");
    const store = new Store(undefined, {}, dir);
    expect(version(store)).toBe(NEWEST);
    expect(store.replay()).toHaveLength(100);
    expect(store.db.query("SELECT 1 FROM sqlite_schema WHERE name = 'half'").values()).toEqual([]);
    store.finish();
  });

  test("goes on after a start that was killed while copying", () => {
    const dir = older();
    const { migrationCopy } = layout(dir);
    writeFileSync(`${migrationCopy}.tmp`, "half a copy");
    new Store(undefined, { migrations: addTable }, dir).writer.close();
    expect(copiedVersion(migrationCopy)).toEqual([NEWEST, 100]);
    expect(existsSync(`${migrationCopy}.tmp`)).toBe(false);
    rmSync(dir, { recursive: true });
  });

  test("of a new store needs no copy", () => {
    withDir((dir) => {
      new Store(undefined, { migrations: addTable }, dir).writer.close();
      expect(existsSync(layout(dir).migrationCopy)).toBe(false);
    });
  });

  test("is nothing that a reader does", () => {
    const dir = older();
    expect(checkStore(dir, { deep: true }).schemaVersion).toBe(NEWEST);
    rmSync(dir, { recursive: true });
  });
});
