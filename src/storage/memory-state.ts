import type { Database } from "bun:sqlite";
import { requireRoom, type WriteContext } from "./context.ts";
import { TruthTable } from "./truth-table.ts";

/** Small texts about a world as a whole, by name: what was learnt in a session, how far its consolidation came. */

export const MEMORY_STATE = new TruthTable<{ world: number; name: string; value: string }>("memory_state", {
  columns: ["world", "name", "value"],
  key: ["world", "name"],
  sealed: ["value"],
});

/** @throws Fault storage_error when the row is damaged */
export function readState(db: Database, world: number, name: string): string | undefined {
  const row = db
    .query<object, [number, string]>(`${MEMORY_STATE.select} WHERE world = ? AND name = ?`)
    .get(world, name);
  if (row === null) return undefined;
  const damaged = `the record "${name}" of "memory_state" is damaged; run "dwbase storage check --deep"`;
  return MEMORY_STATE.open(db, row, damaged).value;
}

export function dropState({ db }: Pick<WriteContext, "db">, world: number, name: string): void {
  db.query("DELETE FROM memory_state WHERE world = ? AND name = ?").run(world, name);
}

/** @throws Fault disk_full */
export function writeState(ctx: WriteContext, world: number, name: string, value: string): void {
  requireRoom(ctx);
  ctx.db.query(MEMORY_STATE.put).run(...MEMORY_STATE.values(ctx.db, { world, name, value }));
}
