import type { Database } from "bun:sqlite";
import { type Atom, bytesToVector, KINDS, LINK_KINDS, type Link, type LinkKind } from "../atom/mod.ts";
import { bytesToId, equalBytes, Fault, formatTime, idToBytes } from "../base/mod.ts";
import { type Column, rowSum } from "./sums.ts";

/** A row of `atom`, columns in the order of the table. */
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
  sum: Uint8Array;
}

export const ATOM_COLUMNS = [
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

export const ATOM_SELECT = [...ATOM_COLUMNS, "sum"].map((c) => `atom.${c}`).join(", ");

export function atomSum(row: Omit<AtomRow, "sum">): Uint8Array {
  return rowSum(
    "atom",
    ATOM_COLUMNS.map((column) => row[column]),
  );
}

/** The row itself when its checksum holds. @throws Fault storage_error naming the atom. */
export function verified(row: AtomRow): AtomRow {
  if (isSound(row)) return row;
  throw new Fault(
    "storage_error",
    `atom ${bytesToId(row.id)} (sequence ${row.seq}) is damaged on disk; run "dwbase storage check --deep" on the data directory`,
    { op: "read atom" },
  );
}

/** An atom by sequence as it stands on disk. */
export function selectAtom(db: Database, seq: number): AtomRow | undefined {
  return db.query<AtomRow, [number]>(`SELECT ${ATOM_SELECT} FROM atom WHERE seq = ?`).get(seq) ?? undefined;
}

/** Whether an atom fits its checksum. */
export function isSound(row: AtomRow): boolean {
  return equalBytes(atomSum(row), row.sum);
}

/** An atom by id, verified. @throws Fault storage_error when it is damaged */
export function findAtom(db: Database, id: string): AtomRow | undefined {
  const row = db
    .query<AtomRow, [Uint8Array]>(`SELECT ${ATOM_SELECT} FROM atom WHERE id = ?`)
    .get(idToBytes(id));
  return row === null ? undefined : verified(row);
}

/** Whether `row`'s own `sum` fits its other columns, taken in the given order. */
export function sumHolds(table: string, columns: readonly string[], row: Record<string, unknown>): boolean {
  const sum = row.sum;
  return (
    sum instanceof Uint8Array &&
    equalBytes(
      rowSum(
        table,
        columns.map((column) => row[column] as Column),
      ),
      sum,
    )
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
export function atomBytes(row: Omit<AtomRow, "sum">): number {
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
