import type { Database } from "bun:sqlite";
import type { VectorRow, VectorSource } from "./types.ts";

/** The vectors of one space in the table `vec`, as they are in the connection's snapshot. */
export class SqliteVectors implements VectorSource {
  constructor(
    private readonly db: Database,
    private readonly space: number,
    /** Opens the bytes of an encrypted row; empty ones count as unreadable. Absent: they are the vector. */
    private readonly open?: (seq: number, q: Uint8Array) => Uint8Array,
  ) {}

  scan(world: number, after: number, limit: number): VectorRow[] {
    const rows = this.db
      .query<VectorRow, [number, number, number, number]>(
        "SELECT seq, q FROM vec WHERE space = ? AND world = ? AND seq > ? ORDER BY seq LIMIT ?",
      )
      .all(this.space, world, after, limit);
    if (this.open) for (const row of rows) row.q = this.open(row.seq, row.q);
    return rows;
  }

  get(world: number, seq: number): Uint8Array | undefined {
    const q = this.db
      .query<{ q: Uint8Array }, [number, number, number]>(
        "SELECT q FROM vec WHERE space = ? AND world = ? AND seq = ?",
      )
      .get(this.space, world, seq)?.q;
    return q && this.open ? this.open(seq, q) : q;
  }
}
