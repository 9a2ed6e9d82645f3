import type { Database } from "bun:sqlite";
import { requireRoom, type WriteContext } from "./context.ts";
import { TruthTable } from "./truth-table.ts";

/** A row of `edge`: how one subject of a world stands to another. */
export interface EdgeRow {
  world: number;
  source: Uint8Array;
  target: Uint8Array;
  /** Number of the relation's type; the memory room names them. */
  type: number;
  /** 0 to 1. */
  weight: number;
  /** How often both ends were recalled together. */
  co: number;
  created_ms: number;
  /** When it was last strengthened, or made. */
  used_ms: number;
}

export const EDGE = new TruthTable<EdgeRow>("edge", {
  columns: ["world", "source", "target", "type", "weight", "co", "created_ms", "used_ms"],
  key: ["world", "source", "target", "type"],
});

/** @throws Fault storage_error */
export function findEdge(
  db: Database,
  edge: Pick<EdgeRow, "world" | "source" | "target" | "type">,
): EdgeRow | undefined {
  const row = db
    .query<EdgeRow, [number, Uint8Array, Uint8Array, number]>(
      `${EDGE.select} WHERE world = ? AND source = ? AND target = ? AND type = ?`,
    )
    .get(edge.world, edge.source, edge.target, edge.type);
  return row === null ? undefined : EDGE.open(db, row);
}

/** Enters an edge or changes it. @throws Fault disk_full */
export function putEdge(ctx: WriteContext, edge: EdgeRow): void {
  requireRoom(ctx);
  ctx.db.query(EDGE.put).run(...EDGE.values(ctx.db, edge));
}

export function dropEdge(ctx: WriteContext, edge: EdgeRow): void {
  ctx.db
    .query("DELETE FROM edge WHERE world = ? AND source = ? AND target = ? AND type = ?")
    .run(edge.world, edge.source, edge.target, edge.type);
}

/**
 * Conditions on the ends, an edge from a subject to itself under the first; left alone, SQLite would look for a target
 * among all edges of the world.
 */
const ENDS = [
  "WHERE world = ? AND source = ?",
  "INDEXED BY edge_target WHERE world = ? AND target = ? AND source <> target",
];

/** The heaviest edges that begin or end at a subject, at most `limit`. @throws Fault storage_error */
export function edgesOf(db: Database, world: number, id: Uint8Array, limit: number): EdgeRow[] {
  const half = (end: string): EdgeRow[] =>
    db
      .query<EdgeRow, [number, Uint8Array, number]>(
        `${EDGE.select} ${end} ORDER BY weight DESC, used_ms DESC LIMIT ?`,
      )
      .all(world, id, limit);
  return ENDS.flatMap(half)
    .sort((a, b) => b.weight - a.weight || b.used_ms - a.used_ms)
    .slice(0, limit)
    .map((row) => EDGE.open(db, row));
}

/** All edges between two different subjects, whichever way they point. @throws Fault storage_error */
export function edgesBetween(db: Database, world: number, a: Uint8Array, b: Uint8Array): EdgeRow[] {
  const query = db.query<EdgeRow, [number, Uint8Array, Uint8Array]>(
    `${EDGE.select} WHERE world = ? AND source = ? AND target = ? ORDER BY type`,
  );
  return [...query.all(world, a, b), ...query.all(world, b, a)].map((row) => EDGE.open(db, row));
}

/**
 * Edges of a type whose weight, halved with each half-life from their last use to `until`, is below a bound.
 * @throws Fault storage_error
 */
export function fadedEdges(
  db: Database,
  of: { world: number; type: number; below: number; halfLifeMs: number },
  until: number,
  limit: number,
): EdgeRow[] {
  return db
    .query<EdgeRow, [number, number, number, number, number, number]>(
      `${EDGE.select} WHERE world = ? AND type = ? AND weight * pow(0.5, max(0, ? - used_ms) * 1.0 / ?) < ? LIMIT ?`,
    )
    .all(of.world, of.type, until, of.halfLifeMs, of.below, limit)
    .map((row) => EDGE.open(db, row));
}

/** Edges of a world of the types below a number. */
export function countEdges(db: Database, world: number, below: number): number {
  return db
    .query<{ n: number }, [number, number]>("SELECT count(*) AS n FROM edge WHERE world = ? AND type < ?")
    .get(world, below)!.n;
}

/** Forgets the edges of a subject. */
export function dropEdgesOf(ctx: WriteContext, world: number, id: Uint8Array): void {
  for (const end of ENDS) ctx.db.query(`DELETE FROM edge ${end}`).run(world, id);
}
