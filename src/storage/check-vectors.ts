import type { Database } from "bun:sqlite";
import { bytesToId } from "../base/mod.ts";
import { type Space, spaceName } from "../embedder/mod.ts";
import type { Report } from "./check-report.ts";
import type { AtomRow } from "./rows.ts";
import { type Vault, vaultOf } from "./vault.ts";
import { openVector, type VectorMaker } from "./vector-rows.ts";

/** A space with how far it covers each world. */
interface Covered extends Space {
  id: number;
  upTo: Map<number, number>;
}

/**
 * The table `vec` against the atoms: in each space a world's atoms have vectors up to the newest one that has, none
 * else has, each is of the space's dimension, and those of the maker's space are what it computes again.
 */
export class VectorCheck {
  private readonly spaces: Covered[];
  private readonly vault: Vault | undefined;
  private found = 0;

  constructor(
    private readonly db: Database,
    private readonly maker: VectorMaker | undefined,
    private readonly report: Report,
  ) {
    this.vault = vaultOf(db);
    this.spaces = db
      .query<Space & { id: number }, []>("SELECT id, model, dimension, version FROM space")
      .all()
      .map((space) => ({ ...space, upTo: this.coverage(space.id) }));
  }

  private coverage(space: number): Map<number, number> {
    const rows = this.db
      .query<{ world: number; seq: number }, [number]>(
        "SELECT world, max(seq) AS seq FROM vec WHERE space = ? GROUP BY world",
      )
      .all(space);
    return new Map(rows.map(({ world, seq }) => [world, seq]));
  }

  /** A sound atom that is a head version, with the text that is embedded. */
  atom(row: AtomRow, text: string): void {
    for (const space of this.spaces) {
      if (row.seq > (space.upTo.get(row.world) ?? 0)) continue;
      const stored = this.db
        .query<{ q: Uint8Array }, [number, number, number]>(
          "SELECT q FROM vec WHERE space = ? AND world = ? AND seq = ?",
        )
        .get(space.id, row.world, row.seq);
      if (stored === null) this.add(row, `it has no vector of ${spaceName(space)}, though newer ones have`);
      else this.vector(row, space, stored.q, text);
    }
  }

  private vector(row: AtomRow, space: Covered, stored: Uint8Array, text: string): void {
    this.found += 1;
    const q = openVector(this.vault, space.id, row.seq, stored);
    const { maker } = this;
    if (q.length !== space.dimension) {
      this.add(row, `its vector of ${spaceName(space)} cannot be read`);
    } else if (maker?.embed && spaceName(maker.space) === spaceName(space)) {
      const made = maker.embed(text);
      if (Buffer.compare(q, new Uint8Array(made.buffer, made.byteOffset, made.length)) !== 0)
        this.add(row, `its vector of ${spaceName(space)} is not that of its text`);
    }
  }

  private add(row: AtomRow, problem: string): void {
    this.report.add({ table: "vec", seq: row.seq, id: bytesToId(row.id), problem });
  }

  /** After all atoms: what belongs to none of them. */
  finish(): void {
    const n = this.db.query<{ n: number }, []>("SELECT count(*) AS n FROM vec").get()!.n;
    this.report.counts.vec = n;
    if (n === this.found) return;
    // those of damaged atoms are theirs all the same
    const stray = this.db.query<{ seq: number }, []>(
      `SELECT seq FROM vec WHERE space NOT IN (SELECT id FROM space)
       OR NOT EXISTS (SELECT 1 FROM doc WHERE doc.world = vec.world AND doc.seq = vec.seq)`,
    );
    for (const { seq } of stray.iterate())
      this.report.add({ table: "vec", seq, problem: "a vector belongs to no atom or no space" });
  }
}
