import type { Database } from "bun:sqlite";
import { layout } from "../base/mod.ts";
import { DeepCheck } from "./check-atoms.ts";
import { type Finding, Report } from "./check-report.ts";
import { type Keyring, keyringOf } from "./keyring.ts";
import { openForRead } from "./open.ts";
import type { TruthTable } from "./truth-table.ts";
import { TRUTH_TABLES } from "./truth-tables.ts";
import type { VectorMaker } from "./vector-rows.ts";
import { walState } from "./wal-mend.ts";

export interface CheckReport {
  clean: boolean;
  findings: Finding[];
  /** Rows seen, by table. */
  counts: Record<string, number>;
  schemaVersion: number;
  deep: boolean;
  ms: number;
}

export interface CheckOptions {
  /** Also every atom's checksum, the text index against the content, and all derived rows. */
  deep: boolean;
  /** Absent: the keys of the process's environment. */
  keyring?: Keyring;
  /** Computes vectors again: those of its space are compared to it. Absent: only their presence and size is looked at. */
  vectors?: VectorMaker;
  onProgress?: (done: number, total: number) => void;
}

function checkPages(db: Database, deep: boolean, report: Report): void {
  const rows = db.query(`PRAGMA ${deep ? "integrity_check" : "quick_check"}(100)`).values() as [string][];
  for (const [line] of rows) if (line !== "ok") report.add({ table: "pages", problem: line });
}

// biome-ignore lint/suspicious/noExplicitAny: tables have nothing in common
function checkTable(db: Database, table: TruthTable<any>, report: Report): void {
  const { name, columns } = table;
  // a directory of an older release lacks the tables, and columns, that came later
  if (db.query("SELECT 1 FROM sqlite_schema WHERE name = ?").get(name) === null) return;
  let n = 0;
  for (const row of db.query<Record<string, unknown>, []>(`SELECT * FROM ${name}`).iterate()) {
    n += 1;
    const there = columns.filter((column) => column in row);
    if (!table.holds(db, row, there)) report.add({ table: name, problem: "a row does not fit its checksum" });
  }
  report.counts[name] = n;
}

/** How often a log that a node writes meanwhile is looked at before what is broken in it counts, and the pause between. */
const LOG_LOOKS = 5;
const LOG_PAUSE_MS = 20;

/** SQLite reads the log up to a damaged frame and drops the rest in silence. */
function checkLog(path: string, report: Report): void {
  for (let look = 0; look < LOG_LOOKS; look++) {
    const state = walState(path);
    if (state === "whole" || state === "cut") return;
    if (look < LOG_LOOKS - 1) Bun.sleepSync(LOG_PAUSE_MS);
  }
  report.add({
    table: "wal",
    problem: "the write-ahead log is damaged: commits behind the damage are not read",
  });
}

/**
 * Checks a data directory, beside a running node or not, on one snapshot; changes nothing.
 * @throws Fault not_found, damaged (no database at all), storage_error, forbidden (its key is missing or wrong)
 */
export function checkStore(dataDir: string, options: CheckOptions): CheckReport {
  const started = performance.now();
  const report = new Report();
  const place = layout(dataDir);
  const db = openForRead(place, undefined, options.keyring ?? keyringOf(process.env));
  let schemaVersion = 0;
  try {
    schemaVersion = db.query<{ user_version: number }, []>("PRAGMA user_version").get()!.user_version;
    db.run("BEGIN");
    report.part("wal", () => checkLog(place.wal, report));
    report.part("pages", () => checkPages(db, options.deep, report));
    for (const table of TRUTH_TABLES) report.part(table.name, () => checkTable(db, table, report));
    if (options.deep) new DeepCheck(db, report, options.vectors, options.onProgress).run();
  } catch (cause) {
    report.add({ table: "pages", problem: `the check could not go on: ${(cause as Error).message}` });
  } finally {
    db.close();
  }
  const findings = report.finish();
  return {
    clean: findings.length === 0,
    findings,
    counts: report.counts,
    schemaVersion,
    deep: options.deep,
    ms: Math.round(performance.now() - started),
  };
}
