import { Fault } from "../base/mod.ts";
import type { WriteContext } from "./context.ts";
import { unindex } from "./remove.ts";
import { selectAtom, sumHolds, verified } from "./rows.ts";
import { DOC } from "./schema.ts";
import { rowSum } from "./sums.ts";
import type { WorldRow } from "./worlds.ts";

/** Names the thing that an atom is a version of. */
export interface SubjectVersion {
  id: Uint8Array;
  family: number;
  /** Stability of a new subject, days. */
  stability: number;
}

/** A row of `subject`: what changes often about a thing with versions. */
export interface SubjectRow {
  id: Uint8Array;
  world: number;
  family: number;
  head_seq: number;
  version: number;
  stability: number;
  accesses: number;
  accessed_ms: number;
}

export const SUBJECT_COLUMNS = [
  "id",
  "world",
  "family",
  "head_seq",
  "version",
  "stability",
  "accesses",
  "accessed_ms",
] as const satisfies readonly (keyof SubjectRow)[];

export function findSubject(ctx: Pick<WriteContext, "db">, id: Uint8Array): SubjectRow | undefined {
  const row = ctx.db
    .query<SubjectRow & { sum: Uint8Array }, [Uint8Array]>(
      `SELECT ${SUBJECT_COLUMNS.join(", ")}, sum FROM subject WHERE id = ?`,
    )
    .get(id);
  if (row === null) return undefined;
  if (!sumHolds("subject", SUBJECT_COLUMNS, row as unknown as Record<string, unknown>)) {
    throw new Fault("storage_error", 'a record of "subject" is damaged; run "dwbase storage check --deep"');
  }
  return row;
}

export function putSubject(ctx: Pick<WriteContext, "db">, row: SubjectRow): void {
  const columns = SUBJECT_COLUMNS.map((column) => row[column]);
  ctx.db
    .query(
      `INSERT OR REPLACE INTO subject(${SUBJECT_COLUMNS.join(", ")}, sum) VALUES(${columns.map(() => "?").join(", ")}, ?)`,
    )
    .run(...columns, rowSum("subject", columns));
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
  seq: number,
): number {
  const there = findSubject(ctx, subject.id);
  if (!there) {
    putSubject(ctx, {
      id: subject.id,
      world: world.id,
      family: subject.family,
      head_seq: seq,
      version: 1,
      stability: subject.stability,
      accesses: 0,
      accessed_ms: 0,
    });
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
  putSubject(ctx, { ...there, head_seq: seq, version: there.version + 1 });
  return there.version + 1;
}
