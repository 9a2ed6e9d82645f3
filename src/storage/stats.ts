import { existsSync, statSync } from "node:fs";
import { decodeUtf8, layout } from "../base/mod.ts";
import { directoryBytes } from "./disk-budget.ts";
import { keyIdOf } from "./keyring.ts";
import { readMeta } from "./meta.ts";
import { openForRead } from "./open.ts";
import { notedWear, type Wear } from "./wear.ts";

export interface StoreStats extends Wear {
  node_id: string;
  schema_version: number;
  /** Id of the key that it is encrypted by. */
  key_id: string | null;
  worlds: number;
  atoms: number;
  tombstones: number;
  database_bytes: number;
  free_bytes: number;
  wal_bytes: number;
  index_bytes: number;
  bytes_per_atom: number;
  /** Bytes by table and index, largest first. */
  tables: Record<string, number>;
}

function sizeOf(path: string): number {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  return stat.isDirectory() ? directoryBytes(path) : stat.size;
}

/** Tables, indexes and triggers as SQL. @throws Fault as `openForRead` */
export function storeSchema(dataDir: string): string[] {
  const db = openForRead(layout(dataDir));
  try {
    const rows = db.query("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").values() as [
      string,
    ][];
    return rows.map(([sql]) => sql);
  } finally {
    db.close();
  }
}

/** Sizes and counts of a data directory, beside a running node or not. @throws Fault as `openForRead` */
export function storeStats(dataDir: string): StoreStats {
  const place = layout(dataDir);
  const db = openForRead(place);
  try {
    const one = (sql: string): number =>
      Number(Object.values(db.query<Record<string, number>, []>(sql).get()!)[0]);
    const atoms = one("SELECT ifnull(sum(atoms), 0) FROM world");
    const databaseBytes = sizeOf(place.database);
    const tables = db
      .query<{ name: string; size: number }, []>(
        "SELECT name, sum(pgsize) AS size FROM dbstat WHERE aggregate = TRUE GROUP BY name ORDER BY size DESC",
      )
      .all();
    return {
      node_id: decodeUtf8(readMeta(db, "node_id") ?? new Uint8Array()) ?? "",
      schema_version: one("PRAGMA user_version"),
      key_id: keyIdOf(db) ?? null,
      worlds: one("SELECT count(*) FROM world WHERE state <> 2"),
      atoms,
      tombstones: one("SELECT count(*) FROM tombstone"),
      database_bytes: databaseBytes,
      free_bytes: one("PRAGMA freelist_count") * one("PRAGMA page_size"),
      wal_bytes: sizeOf(place.wal),
      index_bytes: sizeOf(place.index),
      ...notedWear(db),
      bytes_per_atom: atoms === 0 ? 0 : Math.round(databaseBytes / atoms),
      tables: Object.fromEntries(tables.map((t) => [t.name, t.size])),
    };
  } finally {
    db.close();
  }
}
