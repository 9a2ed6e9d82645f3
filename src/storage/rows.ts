import type { Database } from "bun:sqlite";
import { type Atom, bytesToVector, KINDS, LINK_KINDS, type Link, type LinkKind } from "../atom/mod.ts";
import { bytesToId, formatTime, idToBytes } from "../base/mod.ts";
import { Damage } from "./faults.ts";
import { TruthTable } from "./truth-table.ts";

/** A row of `atom` in the open, columns in the order of the table. */
export interface AtomRow {
  seq: number;
  id: Uint8Array;
  origin: number;
  origin_seq: number | null;
  world: number;
  worker: string;
  kind: number;
  ts_ms: number;
  recorded_ms: number;
  importance: number;
  family: number;
  subject: Uint8Array | null;
  version: number;
  flags: string | null;
  payload: string;
  labels: string | null;
  links: string | null;
  vector: Uint8Array | null;
  key_id: string | null;
  sent: Uint8Array | null;
  /** Whether the row fits its checksum. */
  sound: boolean;
}

const ATOM_COLUMNS = [
  "seq",
  "id",
  "origin",
  "origin_seq",
  "world",
  "worker",
  "kind",
  "ts_ms",
  "recorded_ms",
  "importance",
  "family",
  "subject",
  "version",
  "flags",
  "payload",
  "labels",
  "links",
  "vector",
  "key_id",
  "sent",
] as const satisfies readonly (keyof AtomRow)[];

/** What was remembered is sealed by encryption: all but who, when, where and how large. */
export const ATOM = new TruthTable<AtomRow>("atom", {
  columns: ATOM_COLUMNS,
  key: ["seq"],
  sealed: ["flags", "payload", "labels", "links", "vector"],
});

/** `SELECT <columns of AtomRow> FROM atom`; rows that it gives are to go through `loadAtom`. */
export const ATOM_SELECT = ATOM.select;

/** A row as SQLite gave it, opened in place; one that does not fit its checksum comes with `sound` false. */
export function loadAtom(db: Database, stored: AtomRow): AtomRow {
  stored.sound = ATOM.tryOpen(db, stored);
  if (!stored.sound) makeHarmless(stored);
  return stored;
}

/** Damage may reach the types of values, and what is sealed may stay so: whoever removes the row must not stumble. */
function makeHarmless(row: AtomRow): void {
  if (typeof row.payload !== "string") row.payload = "";
  if (typeof row.worker !== "string") row.worker = "";
  for (const column of ["flags", "labels", "links"] as const) if (!isList(row[column])) row[column] = null;
  if (!((row.vector as unknown) instanceof Uint8Array)) row.vector = null;
}

function isList(json: unknown): boolean {
  try {
    return typeof json === "string" && Array.isArray(JSON.parse(json));
  } catch {
    return false;
  }
}

/** The id of a row that may be damaged. */
export function idOf(row: AtomRow): string | undefined {
  const id: unknown = row.id;
  return id instanceof Uint8Array && id.length === 16 ? bytesToId(id) : undefined;
}

/** Atoms by what follows `SELECT … FROM atom`, each as it stands on disk. */
export function selectAtoms(db: Database, tail: string, ...values: (number | Uint8Array)[]): AtomRow[] {
  const rows = db.query<AtomRow, (number | Uint8Array)[]>(`${ATOM_SELECT} ${tail}`).all(...values);
  for (const row of rows) loadAtom(db, row);
  return rows;
}

/** An atom by sequence as it stands on disk. */
export function selectAtom(db: Database, seq: number): AtomRow | undefined {
  const row = db.query<AtomRow, [number]>(`${ATOM_SELECT} WHERE seq = ?`).get(seq);
  return row === null ? undefined : loadAtom(db, row);
}

/** An atom by id, verified. @throws Fault storage_error when it is damaged */
export function findAtom(db: Database, id: string): AtomRow | undefined {
  const row = db.query<AtomRow, [Uint8Array]>(`${ATOM_SELECT} WHERE id = ?`).get(idToBytes(id));
  return row === null ? undefined : verified(loadAtom(db, row));
}

/** The row itself when it fits its checksum. @throws Damage naming the atom */
export function verified(row: AtomRow): AtomRow {
  if (row.sound) return row;
  throw new Damage(
    `atom ${idOf(row) ?? "without an id"} (sequence ${row.seq}) is damaged on disk; run "dwbase storage check --deep" on the data directory`,
    { op: "read atom" },
  );
}

export function listOf(json: string | null): string[] {
  return json === null ? [] : (JSON.parse(json) as string[]);
}

export function linksOf(json: string | null): Link[] {
  if (json === null) return [];
  return (JSON.parse(json) as [string, number][]).map(([target, kind]) => ({
    target,
    kind: LINK_KINDS[kind]!,
  }));
}

export function linksColumn(links: readonly Link[]): string {
  return JSON.stringify(links.map((link) => [link.target, linkKindNumber(link.kind)]));
}

export function linkKindNumber(kind: LinkKind): number {
  return LINK_KINDS.indexOf(kind);
}

/** The atom as it is answered. */
export function atomOf(row: AtomRow, world: string): Atom {
  return {
    id: bytesToId(row.id),
    world,
    worker: row.worker,
    kind: KINDS[row.kind]!,
    timestamp: formatTime(row.ts_ms),
    importance: row.importance,
    payload_json: row.payload,
    vector: row.vector && bytesToVector(row.vector),
    flags: listOf(row.flags),
    labels: listOf(row.labels),
    links: linksOf(row.links),
  };
}

/** Bytes of an atom that count in its world's size. */
export function atomBytes(row: AtomRow): number {
  const text = (value: string | null): number => (value === null ? 0 : Buffer.byteLength(value));
  return (
    text(row.payload) +
    text(row.labels) +
    text(row.flags) +
    text(row.links) +
    text(row.worker) +
    (row.vector?.length ?? 0)
  );
}
