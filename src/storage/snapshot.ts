import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { decodeUtf8, encodeUtf8, Fault, fileFault, type Layout, newId, syncFile } from "../base/mod.ts";
import { sqliteFault } from "./faults.ts";
import { keyIdOf } from "./keyring.ts";
import { readMeta, writeMeta } from "./meta.ts";
import { openForRead, openForWrite } from "./open.ts";

/** What a database says of itself without its key. */
export interface StoreFacts {
  nodeId: string;
  schemaVersion: number;
  /** Id of the key that it is encrypted by; null when it is not. */
  keyId: string | null;
  atoms: number;
  worlds: number;
}

function factsOf(db: Database): StoreFacts {
  const one = (sql: string): number =>
    Number(Object.values(db.query<Record<string, number>, []>(sql).get() ?? {})[0] ?? 0);
  return {
    nodeId: decodeUtf8(readMeta(db, "node_id") ?? new Uint8Array()) ?? "",
    schemaVersion: one("PRAGMA user_version"),
    keyId: keyIdOf(db) ?? null,
    atoms: one("SELECT ifnull(sum(atoms), 0) FROM world"),
    worlds: one("SELECT count(*) FROM world WHERE state <> 2"),
  };
}

/**
 * Writes a consistent copy of a directory's database to `out`, beside a running node or not, and has it on the disk.
 * Freed pages are not in it. An encrypted store stays as it is and needs no key. Blocks for as long as it takes.
 * @throws Fault not_found, damaged, storage_error, disk_full
 */
export function snapshotStore(place: Layout, out: string): StoreFacts {
  const db = openForRead(place);
  try {
    // the connection is read-only; what it writes is another file
    db.run("PRAGMA query_only=OFF");
    db.run("VACUUM INTO ?", [out]);
  } catch (cause) {
    throw sqliteFault("copy the database", cause, out);
  } finally {
    db.close();
  }
  try {
    syncFile(out);
  } catch (cause) {
    throw fileFault("sync", out, cause);
  }
  return storeFacts({ ...place, database: out });
}

/** What the database of a directory says of itself. @throws Fault as `openForRead`, but no key is needed */
export function storeFacts(place: Layout): StoreFacts {
  const db = openForRead(place);
  try {
    return factsOf(db);
  } catch (cause) {
    throw sqliteFault("read the database", cause, place.database);
  } finally {
    db.close();
  }
}

/**
 * Whether the pages of a database are whole; needs no key.
 * @throws Fault damaged when they are not; as `openForRead`
 */
export function requireWholePages(place: Layout): void {
  const db = openForRead(place);
  try {
    const [first] = db.query("PRAGMA quick_check(1)").values() as [string][];
    if (first?.[0] !== "ok") throw new Fault("damaged", `${place.database} is damaged: ${first?.[0]}`);
  } catch (cause) {
    throw sqliteFault("check the database", cause, place.database);
  } finally {
    db.close();
  }
}

/** Bytes that a copy of a directory's database takes at most. */
export function snapshotBytes(place: Layout): number {
  const db = openForRead(place);
  try {
    const { page_count: pages } = db.query<{ page_count: number }, []>("PRAGMA page_count").get()!;
    const { freelist_count: free } = db.query<{ freelist_count: number }, []>("PRAGMA freelist_count").get()!;
    const { page_size: size } = db.query<{ page_size: number }, []>("PRAGMA page_size").get()!;
    return (pages - free) * size;
  } finally {
    db.close();
  }
}

/**
 * Folds the WAL of a directory that no node uses into its database, so that the file alone is the store. One that
 * cannot be opened stays as it is, with its WAL.
 */
export function foldStore(place: Layout): void {
  if (!existsSync(place.database)) return;
  let db: Database | undefined;
  try {
    db = new Database(place.database, { readwrite: true });
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // damaged: whoever looks into the replaced database finds both files
  } finally {
    db?.close();
  }
}

/**
 * Opens a copy of a store that no node uses for writing, once: it is on the newest schema afterwards, in one file.
 * @param renewAt absent, or the time of the id of its own that the copy gets, as one that lives on beside its original
 * @returns the id of the copy's node
 * @throws Fault as `openForWrite`
 */
export function adoptStore(place: Layout, renewAt?: number): string {
  const db = openForWrite(place);
  try {
    if (renewAt !== undefined) {
      db.transaction(() => writeMeta(db, "node_id", encodeUtf8(newId(renewAt))))();
    }
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    return factsOf(db).nodeId;
  } catch (cause) {
    throw sqliteFault("open the copy", cause, place.database);
  } finally {
    db.close();
  }
}
