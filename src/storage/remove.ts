import type { Database } from "bun:sqlite";
import { nextSeq, type WriteContext } from "./context.ts";
import { removeLinks } from "./links.ts";
import { type AtomRow, atomBytes, linksOf, selectAtoms } from "./rows.ts";
import { DOC } from "./schema.ts";
import { leaveSubject, type SubjectRow } from "./subjects.ts";
import { indexedText } from "./terms.ts";
import { TruthTable } from "./truth-table.ts";
import type { WorldRow } from "./worlds.ts";

export const TOMBSTONE = new TruthTable<{
  id: Uint8Array;
  seq: number;
  world: number;
  at_ms: number;
  key: string;
}>("tombstone", { columns: ["id", "seq", "world", "at_ms", "key"], key: ["id"] });

/**
 * Takes an atom out of the text index, the vectors, the statistics and its thread. FTS5 refuses to delete other words than it was
 * given: those of a damaged atom (of a deleted world) stay until the text index is built anew.
 */
export function unindex(ctx: WriteContext, world: WorldRow, row: AtomRow): void {
  const indexed = indexedText(row);
  if (row.sound) ctx.text.remove(row.seq, indexed.tokens);
  ctx.vectors.remove(world.id, row.seq);
  ctx.threads.splice(world, row.seq);
  world.docs -= 1;
  world.tokens -= indexed.length;
  ctx.worlds.touch(world);
}

/** Removes an atom with everything derived from it, in the running transaction; the head of a subject takes it along. */
export function removeAtom(ctx: WriteContext, world: WorldRow, row: AtomRow): void {
  const doc = ctx.db
    .query<{ bits: number }, [number, number]>("SELECT bits FROM doc WHERE world = ? AND seq = ?")
    .get(world.id, row.seq);
  if (((doc?.bits ?? 0) & DOC.old) === 0) unindex(ctx, world, row);
  removeLinks(ctx.db, { seq: row.seq, world: world.id, worker: row.worker }, linksOf(row.links));
  ctx.db.query("DELETE FROM doc WHERE world = ? AND seq = ?").run(world.id, row.seq);
  ctx.db.query("DELETE FROM atom WHERE seq = ?").run(row.seq);
  world.atoms -= 1;
  if ((doc?.bits ?? 0) & DOC.quarantined) {
    world.quarantined -= 1;
    ctx.tally.quarantined -= 1;
  }
  world.bytes -= atomBytes(row);
  world.forget_epoch += 1;
  ctx.tally.removed += 1;
  ctx.worlds.touch(world);
  leaveSubject(ctx, world, row);
}

/** Forgets an atom for good: removal and a tombstone that keeps its id from coming back. */
export function forgetAtom(ctx: WriteContext, row: AtomRow, by: string): void {
  const world = ctx.worlds.get(row.world);
  removeAtom(ctx, world, row);
  entomb(ctx, world, row.id, by);
}

/** Forgets a thing with all its versions and edges; neither its id nor theirs can come back. */
export function forgetSubject(ctx: WriteContext, subject: SubjectRow, by: string): void {
  const versions = selectAtoms(ctx.db, "WHERE subject = ? ORDER BY version", subject.id);
  for (const version of versions) forgetAtom(ctx, version, by);
  entomb(ctx, ctx.worlds.get(subject.world), subject.id, by);
}

/** Whether an id was forgotten. */
export function isForgotten(db: Database, id: Uint8Array): boolean {
  return db.query("SELECT 1 FROM tombstone WHERE id = ?").get(id) !== null;
}

function entomb(ctx: WriteContext, world: WorldRow, id: Uint8Array, by: string): void {
  const seq = nextSeq(ctx);
  const stone = { id, seq, world: world.id, at_ms: ctx.clock.now(), key: by };
  ctx.db.query(TOMBSTONE.put).run(...TOMBSTONE.values(ctx.db, stone));
  world.last_seq = seq;
}
