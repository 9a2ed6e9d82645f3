import type { Database } from "bun:sqlite";
import { Fault } from "../base/mod.ts";
import { requireRoom, type WriteContext } from "./context.ts";
import { sumHolds } from "./rows.ts";
import { rowSum } from "./sums.ts";

/** Small texts about a world as a whole, by name: what was learnt in a session, how far its consolidation came. */

const COLUMNS = ["world", "name", "value"];

/** @throws Fault storage_error when the row is damaged */
export function readState(db: Database, world: number, name: string): string | undefined {
  const row = db
    .query<{ value: string }, [number, string]>("SELECT * FROM memory_state WHERE world = ? AND name = ?")
    .get(world, name);
  if (row === null) return undefined;
  if (!sumHolds("memory_state", COLUMNS, row as unknown as Record<string, unknown>)) {
    throw new Fault(
      "storage_error",
      `the record "${name}" of "memory_state" is damaged; run "dwbase storage check --deep"`,
    );
  }
  return row.value;
}

/** @throws Fault disk_full */
export function writeState(ctx: WriteContext, world: number, name: string, value: string): void {
  requireRoom(ctx);
  const columns = [world, name, value];
  ctx.db
    .query("INSERT OR REPLACE INTO memory_state(world, name, value, sum) VALUES(?, ?, ?, ?)")
    .run(...columns, rowSum("memory_state", columns));
}
