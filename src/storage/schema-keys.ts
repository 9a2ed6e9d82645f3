import type { Database } from "bun:sqlite";

/** Schema 4: keys that were made for callers; see keys.ts. */
export function addKeys(db: Database): void {
  db.exec(`CREATE TABLE key(
    id BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, sha256 BLOB NOT NULL UNIQUE, created_ms INTEGER NOT NULL,
    rights TEXT NOT NULL, sum BLOB NOT NULL) WITHOUT ROWID`);
}
