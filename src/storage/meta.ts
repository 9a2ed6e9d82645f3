import type { Database } from "bun:sqlite";
import { decodeUtf8, encodeUtf8, Fault, newId } from "../base/mod.ts";
import { sumHolds } from "./rows.ts";
import { rowSum } from "./sums.ts";

const COLUMNS = ["key", "value"];

/** A value of the `meta` table. @throws Fault storage_error when it is damaged. */
export function readMeta(db: Database, key: string): Uint8Array | undefined {
  const row = db
    .query<{ key: string; value: Uint8Array; sum: Uint8Array }, [string]>("SELECT * FROM meta WHERE key = ?")
    .get(key);
  if (row === null) return undefined;
  if (!sumHolds("meta", COLUMNS, row)) {
    throw new Fault(
      "storage_error",
      `the record "${key}" of the database is damaged; run "dwbase storage check --deep"`,
    );
  }
  return row.value;
}

export function writeMeta(db: Database, key: string, value: Uint8Array): void {
  db.query("INSERT OR REPLACE INTO meta(key, value, sum) VALUES(?, ?, ?)").run(
    key,
    value,
    rowSum("meta", [key, value]),
  );
}

export function readNumber(db: Database, key: string): number {
  const value = readMeta(db, key);
  return value === undefined ? 0 : Number(decodeUtf8(value));
}

export function writeNumber(db: Database, key: string, value: number): void {
  writeMeta(db, key, encodeUtf8(String(value)));
}

export interface Identity {
  nodeId: string;
  /** Key of the digests in `atom.sent` and `idem`: random, so that a digest tells nothing about a forgotten text. */
  sentKey: Uint8Array;
}

/** The node's identity, made on the first start. Runs in the caller's transaction. */
export function identity(db: Database, now: number, textVersion: number): Identity {
  const nodeId = readMeta(db, "node_id");
  const sentKey = readMeta(db, "sent_key");
  if (nodeId && sentKey) return { nodeId: decodeUtf8(nodeId) ?? "", sentKey };
  const made = { nodeId: newId(now), sentKey: crypto.getRandomValues(new Uint8Array(32)) };
  writeMeta(db, "node_id", encodeUtf8(made.nodeId));
  writeMeta(db, "sent_key", made.sentKey);
  writeNumber(db, "text_version", textVersion);
  writeNumber(db, "created_ms", now);
  return made;
}
