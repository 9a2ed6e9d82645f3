import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { newIdBytes } from "../base/mod.ts";
import { Dice, type Latencies, latencies, memory, sentence } from "../load/mod.ts";

export interface Yardstick {
  transaction: Latencies;
  /** One for each size. */
  bm25_or: Latencies[];
}

/**
 * What the same work costs with nothing around it, measured in the same run: a bare transaction per memory with
 * synchronous=FULL, and plain `bm25 … OR … LIMIT 10` over the same texts.
 */
export function yardstick(parent: string, sizes: readonly number[]): Yardstick {
  const dir = mkdtempSync(join(parent, "dwbase-yardstick-"));
  const db = new Database(join(dir, "bare.db"));
  try {
    db.run("PRAGMA journal_mode=WAL");
    db.run("PRAGMA synchronous=FULL");
    db.run(
      "CREATE TABLE atom(seq INTEGER PRIMARY KEY, id BLOB UNIQUE, worker, kind, ts, importance, payload, labels)",
    );
    db.run("CREATE VIRTUAL TABLE text USING fts5(t, content='', tokenize='porter unicode61')");
    const transaction = transactions(db);
    let stored = BARE;
    const bm25 = sizes.map((size) => {
      stored = grow(db, stored, size);
      return questions(db);
    });
    return { transaction, bm25_or: bm25 };
  } finally {
    db.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

const BARE = 1000;

function insert(db: Database, dice: Dice, n: number): void {
  const atom = memory(dice, n) as Record<string, string | number | string[]>;
  const now = Date.now();
  db.query("INSERT INTO atom VALUES(?, ?, ?, ?, ?, ?, ?, ?)").run(
    n,
    newIdBytes(now),
    String(atom.worker),
    "observation",
    now,
    Number(atom.importance),
    String(atom.payload_json),
    JSON.stringify(atom.labels),
  );
  db.query("INSERT INTO text(rowid, t) VALUES(?, ?)").run(n, String(atom.payload_json));
}

function transactions(db: Database): Latencies {
  const dice = new Dice(1);
  const times: number[] = [];
  const began = performance.now();
  for (let n = 1; n <= BARE; n++) {
    const start = performance.now();
    db.run("BEGIN IMMEDIATE");
    insert(db, dice, n);
    db.run("COMMIT");
    times.push(performance.now() - start);
  }
  return latencies(times, performance.now() - began);
}

const QUESTIONS = 200;

/** Fills the table up to `size`. @returns how many rows there are */
function grow(db: Database, stored: number, size: number): number {
  const dice = new Dice(2);
  for (let n = stored + 1; n <= size; ) {
    db.run("BEGIN");
    for (let end = Math.min(size, n + 999); n <= end; n++) insert(db, dice, n);
    db.run("COMMIT");
  }
  return Math.max(stored, size);
}

function questions(db: Database): Latencies {
  const dice = new Dice(4);
  const ask = db.query("SELECT rowid FROM text WHERE text MATCH ? ORDER BY bm25(text) LIMIT 10");
  const times: number[] = [];
  const began = performance.now();
  for (let n = 0; n < QUESTIONS; n++) {
    const words = sentence(dice, 5).slice(0, -1).split(" ");
    const start = performance.now();
    ask.all(words.map((word) => `"${word}"`).join(" OR "));
    times.push(performance.now() - start);
  }
  return latencies(times, performance.now() - began);
}
