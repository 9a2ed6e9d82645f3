/** Our own reading of SQLite's pages and write-ahead log against SQLite's. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { PageFile } from "../../src/storage/page-file.ts";
import { scanWal } from "../../src/storage/wal.ts";
import { mendWal } from "../../src/storage/wal-mend.ts";
import { tempDir } from "./harness.ts";

const column = fc.oneof(
  fc.constant(null),
  fc.maxSafeInteger(),
  fc.integer({ min: -129, max: 129 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
  fc.string({ unit: "grapheme" }),
  fc.string({ maxLength: 20_000, minLength: 3000 }),
  fc.uint8Array({ maxLength: 9000 }),
);

function withDatabase(work: (db: Database, path: string) => void): void {
  const dir = tempDir();
  const path = join(dir, "x.db");
  const db = new Database(path, { create: true });
  db.run("PRAGMA journal_mode=WAL");
  db.run("PRAGMA wal_autocheckpoint=0");
  try {
    work(db, path);
  } finally {
    db.close();
    rmSync(dir, { recursive: true });
  }
}

/** All rows with this many columns that our reading finds, as SQLite would give them. */
function rowsIn(path: string, columns: number): unknown[] {
  const file = new PageFile(path, `${path}-wal`);
  const rows: unknown[] = [];
  for (let number = 1; number <= file.pages; number++) {
    const odd = () => rows.push(`page ${number} is odd`);
    for (const { rowid, values } of file.cells(file.page(number)!, odd)) {
      if (values.length === columns) rows.push(rowid === undefined ? values : [rowid, ...values.slice(1)]);
    }
  }
  file.close();
  return rows;
}

function rowsOf(path: string): number {
  rmSync(`${path}-shm`, { force: true });
  const db = new Database(path);
  const { n } = db.query<{ n: number }, []>("SELECT count(*) AS n FROM t").get()!;
  db.close();
  return n;
}

const byFirst = (a: unknown, b: unknown): number => (a as number[])[0]! - (b as number[])[0]!;

describe("every row is found as it was written, in the file and in the log", () => {
  test.each([
    ["with rowids", ""],
    ["without", " WITHOUT ROWID"],
  ])("%s", (_, without) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(column, column, column), { maxLength: 40 }),
        fc.nat(40),
        (rows, folded) => {
          withDatabase((db, path) => {
            db.run(`CREATE TABLE t(k INTEGER PRIMARY KEY, a, b, c)${without}`);
            rows.forEach((row, i) => {
              db.query("INSERT INTO t VALUES(?, ?, ?, ?)").run(i + 1, ...row);
              if (i === folded) db.run("PRAGMA wal_checkpoint(PASSIVE)");
            });
            const expected = db.query("SELECT * FROM t ORDER BY k").values();
            expect(rowsIn(path, 4).sort(byFirst)).toEqual(expected);
          });
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe("the write-ahead log", () => {
  /** A log of three commits, and what SQLite reads of it with one bit flipped. */
  function flipped(bit: number): { brokenAt: number | undefined; rows: number; mended: number } {
    let out = { brokenAt: undefined as number | undefined, rows: 0, mended: 0 };
    withDatabase((db, path) => {
      db.run("CREATE TABLE t(a)");
      db.run("PRAGMA wal_checkpoint(TRUNCATE)");
      for (let i = 0; i < 3; i++) db.query("INSERT INTO t VALUES(?)").run("x".repeat(6000));
      const copy = join(path, "..", "copy.db");
      cpSync(path, copy);
      const wal = readFileSync(`${path}-wal`);
      wal[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(`${copy}-wal`, wal);
      const { brokenAt } = scanWal(`${copy}-wal`);
      out = { brokenAt, rows: rowsOf(copy), mended: 0 };
      cpSync(path, copy);
      writeFileSync(`${copy}-wal`, wal);
      mendWal(`${copy}-wal`);
      expect(scanWal(`${copy}-wal`).brokenAt).toBeUndefined();
      out.mended = rowsOf(copy);
    });
    return out;
  }

  test("in order is read to its end", () => {
    withDatabase((db, path) => {
      for (let i = 0; i < 3; i++) db.run(`CREATE TABLE t${i}(a)`);
      const { frames, brokenAt } = scanWal(`${path}-wal`);
      expect(brokenAt).toBeUndefined();
      expect(frames.filter(({ commit }) => commit > 0)).toHaveLength(3);
      expect(frames.every(({ sound }) => sound)).toBe(true);
      // a later round leaves frames of this one behind its own
      db.run("PRAGMA wal_checkpoint(RESTART)");
      db.run("CREATE TABLE u(a)");
      expect(scanWal(`${path}-wal`).brokenAt).toBeUndefined();
    });
  });

  test("with a flipped bit anywhere says where SQLite stops reading, and is mended so that it reads all", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: (32 + 6 * 4120) * 8 - 1 }), (bit) => {
        const { brokenAt, rows, mended } = flipped(bit);
        if (rows < 3) expect(brokenAt).toBeDefined();
        if (brokenAt === undefined) expect(rows).toBe(3);
        expect(mended).toBe(3);
      }),
      { numRuns: 60 },
    );
  });

  test("with a frame that was written in part, as a power cut leaves it, is not mended", () => {
    withDatabase((db, path) => {
      db.run("CREATE TABLE t(a)");
      for (let i = 0; i < 3; i++) db.query("INSERT INTO t VALUES(?)").run("x".repeat(3000));
      const wal = readFileSync(`${path}-wal`);
      for (const sectors of [1, 3, 7]) {
        const torn = Buffer.from(wal);
        torn.fill(0, torn.length - 512 * sectors);
        writeFileSync(`${path}-torn`, torn);
        expect(scanWal(`${path}-torn`).brokenAt).toBe((wal.length - 32) / 4120);
        expect(mendWal(`${path}-torn`)).toBe(0);
        expect(readFileSync(`${path}-torn`)).toEqual(torn);
      }
    });
  });

  test("that ends in the middle of a commit, as a killed node leaves it, is in order", () => {
    withDatabase((db, path) => {
      db.run("CREATE TABLE t(a)");
      db.query("INSERT INTO t VALUES(?)").run("x".repeat(20_000));
      const wal = readFileSync(`${path}-wal`);
      const copy = `${path}-cut`;
      writeFileSync(copy, wal.subarray(0, wal.length - 4120));
      expect(scanWal(copy).brokenAt).toBeUndefined();
    });
  });
});
