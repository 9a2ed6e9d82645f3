import type { Database } from "bun:sqlite";
import type { NewKey, StoredKey } from "../auth/mod.ts";
import { bytesToId, Fault, formatTime, idToBytes, LIMITS, newIdBytes } from "../base/mod.ts";
import { audit } from "./audit.ts";
import type { WriteContext } from "./context.ts";
import { TruthTable } from "./truth-table.ts";

interface KeyRow {
  id: Uint8Array;
  name: string;
  /** Of the key, which itself is nowhere. */
  sha256: Uint8Array;
  created_ms: number;
  /** What the key may do, as JSON. */
  rights: string;
}

export const KEY = new TruthTable<KeyRow>("key", {
  columns: ["id", "name", "sha256", "created_ms", "rights"],
  key: ["id"],
});

function stored({ id, name, sha256, created_ms, rights }: KeyRow): StoredKey {
  const created_at = formatTime(created_ms);
  return { ...JSON.parse(rights), id: bytesToId(id), name, created_at, sha256: sha256.toHex() };
}

/** The keys that were made, oldest first. A damaged one lets nobody in and is left out. */
export function listKeys(db: Database): StoredKey[] {
  // a database of the first schema, which a reader does not change
  if (db.query("SELECT 1 FROM sqlite_schema WHERE name = 'key'").get() === null) return [];
  const rows = db.query<KeyRow, []>(`${KEY.select} ORDER BY created_ms, name`).all();
  return rows.filter((row) => KEY.tryOpen(db, row)).map(stored);
}

/**
 * Keeps a new key, by its digest.
 * @param sha256 of the key, in hex @param by name of the key that makes it
 * @throws Fault conflict when the name is taken, disk_full when there are LIMITS.keys of them
 */
export function createKey(ctx: WriteContext, key: NewKey, sha256: string, by: string): StoredKey {
  const { db, clock } = ctx;
  const { name, ...rights } = key;
  if (db.query("SELECT 1 FROM key WHERE name = ?").get(name) !== null) {
    throw new Fault(
      "conflict",
      `there is a key named ${JSON.stringify(name)}; choose another name or revoke it`,
    );
  }
  const { n } = db.query<{ n: number }, []>("SELECT count(*) AS n FROM key").get()!;
  if (n >= LIMITS.keys)
    throw new Fault("conflict", `there are ${n} keys, as many as may be; revoke one first`);
  const row: KeyRow = {
    id: newIdBytes(clock.now()),
    name,
    sha256: Uint8Array.fromHex(sha256),
    created_ms: clock.now(),
    rights: JSON.stringify(rights),
  };
  db.query(KEY.put).run(...KEY.values(db, row));
  audit(ctx, { action: "key.create", actor: by, target: name, detail: row.rights });
  return stored(row);
}

/** Takes a key away. @throws Fault not_found */
export function revokeKey(ctx: WriteContext, id: string, by: string): void {
  const { db } = ctx;
  const row = db
    .query<{ name: string }, [Uint8Array]>("SELECT name FROM key WHERE id = ?")
    .get(idToBytes(id));
  if (row === null) throw new Fault("not_found", `there is no key ${id}; GET /keys lists them`);
  db.query("DELETE FROM key WHERE id = ?").run(idToBytes(id));
  audit(ctx, { action: "key.revoke", actor: by, target: row.name });
}
