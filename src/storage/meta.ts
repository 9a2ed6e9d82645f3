import type { Database } from "bun:sqlite";
import { decodeUtf8, encodeUtf8, newId } from "../base/mod.ts";
import { Damage } from "./faults.ts";
import { TruthTable } from "./truth-table.ts";
import { vaultOf } from "./vault.ts";

export const META = new TruthTable<{ key: string; value: Uint8Array }>("meta", {
  columns: ["key", "value"],
  key: ["key"],
});

/** A value of the `meta` table. @throws Fault storage_error when it is damaged. */
export function readMeta(db: Database, key: string): Uint8Array | undefined {
  const row = db.query<object, [string]>(`${META.select} WHERE key = ?`).get(key);
  if (row === null) return undefined;
  const damaged = `the record "${key}" of the database is damaged; run "dwbase storage check --deep"`;
  return META.open(db, row, damaged).value;
}

export function writeMeta(db: Database, key: string, value: Uint8Array): void {
  db.query(META.put).run(...META.values(db, { key, value }));
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

export const SENT_KEY = "sent_key";

/** The key of request digests. @throws Fault storage_error when it is damaged */
export function readSentKey(db: Database): Uint8Array | undefined {
  const stored = readMeta(db, SENT_KEY);
  const key = sentKeyOf(db, stored);
  if (stored === undefined || key !== undefined) return key;
  const message = `the record "${SENT_KEY}" of the database is damaged; run "dwbase storage repair"`;
  throw new Damage(message);
}

/** The key in its entry; undefined when there is none, or it cannot be opened. */
export function sentKeyOf(db: Database, stored: Uint8Array | undefined): Uint8Array | undefined {
  const vault = vaultOf(db);
  if (!stored || !vault) return stored;
  const opened = vault.open(stored, vault.place("meta.value", [SENT_KEY]));
  return opened instanceof Uint8Array ? opened : undefined;
}

/** Sealed when encrypted: by it a guess at a forgotten or a hidden text could be tried. */
export function writeSentKey(db: Database, key: Uint8Array): void {
  const vault = vaultOf(db);
  writeMeta(db, SENT_KEY, vault ? vault.seal(key, vault.place("meta.value", [SENT_KEY])) : key);
}

/** The node's identity, made on the first start. Runs in the caller's transaction. */
export function identity(db: Database, now: number, textVersion: number): Identity {
  const nodeId = readMeta(db, "node_id");
  const sentKey = readSentKey(db);
  if (nodeId && sentKey) return { nodeId: decodeUtf8(nodeId) ?? "", sentKey };
  const made = { nodeId: newId(now), sentKey: crypto.getRandomValues(new Uint8Array(32)) };
  writeMeta(db, "node_id", encodeUtf8(made.nodeId));
  writeSentKey(db, made.sentKey);
  writeNumber(db, "text_version", textVersion);
  writeNumber(db, "created_ms", now);
  return made;
}

const CONTROL = "control";

/** The kept state of the control plane, as JSON. @throws Fault storage_error when it is damaged */
export function readControl(db: Database): string | undefined {
  const value = readMeta(db, CONTROL);
  return value && decodeUtf8(value);
}

export function writeControl(db: Database, state: string): void {
  writeMeta(db, CONTROL, encodeUtf8(state));
}
