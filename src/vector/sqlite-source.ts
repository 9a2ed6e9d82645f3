import type { Database } from "bun:sqlite";
import type { VectorRow, VectorSource } from "./types.ts";

/** The vectors of one space in the table `vec`, as they are in the connection's snapshot. */
export class SqliteVectors implements VectorSource {
  constructor(
    private readonly db: Database,
    private readonly space: number,
  ) {}

  scan(world: number, after: number, limit: number): VectorRow[] {
    return this.db
      .query<VectorRow, [number, number, number, number]>(
        "SELECT seq, q FROM vec WHERE space = ? AND world = ? AND seq > ? ORDER BY seq LIMIT ?",
      )
      .all(this.space, world, after, limit);
  }

  get(world: number, seq: number): Uint8Array | undefined {
    return this.db
      .query<{ q: Uint8Array }, [number, number, number]>(
        "SELECT q FROM vec WHERE space = ? AND world = ? AND seq = ?",
      )
      .get(this.space, world, seq)?.q;
  }
}
