import type { Database } from "bun:sqlite";
import { Fault } from "../base/mod.ts";
import type { WriteContext } from "./context.ts";
import { dropEdgesOf } from "./edges.ts";
import { removeAtom, unindex } from "./remove.ts";
import { type AtomRow, selectAtom, selectAtoms, verified } from "./rows.ts";
import { DOC, STATE } from "./schema.ts";
import { TruthTable } from "./truth-table.ts";
import type { WorldRow } from "./worlds.ts";

/** A row of `subject`: what changes often about a thing with versions. */
export interface SubjectRow {
  id: Uint8Array;
  world: number;
  family: number;
  head_seq: number;
  version: number;
  /** When it happened; lists are ordered by it. */
  ts_ms: number;
  /** When it was made. */
  created_ms: number;
  /** Days until its retrievability has fallen to the retention target. */
  stability: number;
  /** 1 to 10; 0 before the first review. */
  difficulty: number;
  accesses: number;
  /** Last access; 0 = never. */
  accessed_ms: number;
  reviews: number;
  /** JSON of what one family alone needs, or "". */
  state: string;
}

const SUBJECT_COLUMNS = [
  "id",
  "world",
  "family",
  "head_seq",
  "version",
  "ts_ms",
  "created_ms",
  "stability",
  "difficulty",
  "accesses",
  "accessed_ms",
  "reviews",
  "state",
] as const satisfies readonly (keyof SubjectRow)[];

/** Values of a subject that its owner may change. */
export type SubjectChange = Partial<
  Pick<SubjectRow, "ts_ms" | "stability" | "difficulty" | "accesses" | "accessed_ms" | "reviews" | "state">
>;

/** Names the thing that an atom is a version of. */
export interface SubjectVersion {
  id: Uint8Array;
  family: number;
  /** Stability of a new subject, days. */
  stability: number;
  /** When a new subject was made; now when absent. */
  createdMs?: number;
  /** What changes along with the new version. */
  change?: SubjectChange;
}

export const SUBJECT = new TruthTable<SubjectRow>("subject", {
  columns: SUBJECT_COLUMNS,
  key: ["id"],
  sealed: ["state"],
});
const CHANGING = [
  "head_seq",
  "version",
  "stability",
  "difficulty",
  "accesses",
  "accessed_ms",
  "reviews",
  "state",
];
const put = (changing: readonly string[]): string =>
  `INSERT INTO subject(${SUBJECT_COLUMNS.join(", ")}, sum)
   VALUES(${SUBJECT_COLUMNS.map(() => "?").join(", ")}, ?) ON CONFLICT(id) DO UPDATE SET
   ${[...changing, "sum"].map((column) => `${column} = excluded.${column}`).join(", ")}`;
/** Of a row that is there only what changes is set, so that the index on lists is left alone unless its time moves. */
const PUT = put(CHANGING);
const PUT_MOVED = put([...CHANGING, "ts_ms"]);

/** @throws Fault storage_error when the row is damaged */
export function findSubject({ db }: Pick<WriteContext, "db">, id: Uint8Array): SubjectRow | undefined {
  const row = db.query<SubjectRow, [Uint8Array]>(`${SUBJECT.select} WHERE id = ?`).get(id);
  return row === null ? undefined : SUBJECT.open(db, row);
}

/** Subjects of a family in a world, newest first. @throws Fault storage_error */
export function listSubjects(
  db: Database,
  of: { world: number; family: number },
  limit: number,
  offset = 0,
): SubjectRow[] {
  return db
    .query<SubjectRow, [number, number, number, number]>(
      `${SUBJECT.select} WHERE world = ? AND family = ? ORDER BY ts_ms DESC, id DESC LIMIT ? OFFSET ?`,
    )
    .all(of.world, of.family, limit, offset)
    .map((row) => SUBJECT.open(db, row));
}

export function countSubjects(db: Database, world: number, family: number): number {
  return db
    .query<{ n: number }, [number, number]>(
      "SELECT count(*) AS n FROM subject WHERE world = ? AND family = ?",
    )
    .get(world, family)!.n;
}

/** The newest version of a subject, verified. @throws Fault storage_error when it is damaged or missing */
export function headOf(db: Database, subject: SubjectRow): AtomRow {
  const row = selectAtom(db, subject.head_seq);
  if (row) return verified(row);
  throw new Fault("storage_error", 'a "subject" has no atom; run "dwbase storage check --deep"');
}

/** All versions of a subject, oldest first, verified. @throws Fault storage_error */
export function versionsOf(db: Database, id: Uint8Array): AtomRow[] {
  return selectAtoms(db, "WHERE subject = ? ORDER BY version", id).map(verified);
}

/** Enters a subject or changes it. @param moved whether `ts_ms` changes too */
export function putSubject(ctx: Pick<WriteContext, "db">, row: SubjectRow, moved = false): void {
  ctx.db.query(moved ? PUT_MOVED : PUT).run(...SUBJECT.values(ctx.db, row));
}

/**
 * Makes `seq` the head of its subject and takes the version before it out of the text index and the statistics; it
 * stays readable by id and in replay.
 * @returns the new version's number, from 1
 */
export function advanceSubject(
  ctx: WriteContext,
  world: WorldRow,
  subject: SubjectVersion,
  atom: { seq: number; ts_ms: number },
): number {
  const there = findSubject(ctx, subject.id);
  if (!there || ctx.worlds.get(there.world).state === STATE.deleting) {
    if (there) dropSubject(ctx, there);
    putSubject(ctx, newborn(ctx, world, subject, atom));
    return 1;
  }
  if (there.world !== world.id || there.family !== subject.family) {
    throw new Fault("conflict", "the subject belongs to another world or family; choose another id");
  }
  const old = selectAtom(ctx.db, there.head_seq);
  if (old) {
    unindex(ctx, world, verified(old));
    ctx.db
      .query("UPDATE doc SET bits = bits | ? WHERE world = ? AND seq = ?")
      .run(DOC.old, world.id, there.head_seq);
  }
  const next = { ...there, ...subject.change, head_seq: atom.seq, version: there.version + 1 };
  putSubject(ctx, next, next.ts_ms !== there.ts_ms);
  return there.version + 1;
}

function newborn(
  ctx: WriteContext,
  world: WorldRow,
  subject: SubjectVersion,
  atom: { seq: number; ts_ms: number },
): SubjectRow {
  return {
    id: subject.id,
    world: world.id,
    family: subject.family,
    head_seq: atom.seq,
    version: 1,
    ts_ms: atom.ts_ms,
    created_ms: subject.createdMs ?? ctx.clock.now(),
    stability: subject.stability,
    difficulty: 0,
    accesses: 0,
    accessed_ms: 0,
    reviews: 0,
    state: "",
    ...subject.change,
  };
}

/** The subject's row and its edges, in the running transaction; its atoms stay. */
function dropSubject(ctx: WriteContext, subject: Pick<SubjectRow, "id" | "world">): void {
  ctx.db.query("DELETE FROM subject WHERE id = ?").run(subject.id);
  dropEdgesOf(ctx, subject.world, subject.id);
}

/**
 * To be called when an atom was removed: a subject that lost its head is gone, with its edges and older versions,
 * since what has no head is in no list and no answer.
 */
export function leaveSubject(ctx: WriteContext, world: WorldRow, row: AtomRow): void {
  if (row.subject === null) return;
  const head = ctx.db
    .query<{ head_seq: number }, [Uint8Array]>("SELECT head_seq FROM subject WHERE id = ?")
    .get(row.subject)?.head_seq;
  if (head !== row.seq) return;
  dropSubject(ctx, { id: row.subject, world: world.id });
  for (const version of selectAtoms(ctx.db, "WHERE subject = ?", row.subject))
    removeAtom(ctx, world, version);
}
