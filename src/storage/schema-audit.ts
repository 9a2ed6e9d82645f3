import type { Database } from "bun:sqlite";

/** Schema 3: the audit log; see audit.ts. */
export function addAudit(db: Database): void {
  db.exec(`CREATE TABLE audit(
    n INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, target TEXT NOT NULL,
    detail TEXT NOT NULL, hash BLOB NOT NULL, sum BLOB NOT NULL)`);
}
