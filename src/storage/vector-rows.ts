import type { Database } from "bun:sqlite";
import type { Space } from "../embedder/mod.ts";
import { atomText } from "../text/mod.ts";
import { isCorrupt } from "./faults.ts";
import { type AtomRow, selectAtoms, verified } from "./rows.ts";
import { DOC } from "./schema.ts";
import { type Vault, vaultOf } from "./vault.ts";

/** How the writer gets vectors: at once when `embed` is there, else later through the backfill. */
export interface VectorMaker {
  space: Space;
  embed?: (text: string) => Int8Array;
}

/** Atoms of one world that wait for their vectors, in ascending sequence. */
export interface Unembedded {
  world: number;
  atoms: { seq: number; text: string }[];
}

/** The number of a space, made when it is new. */
export function ensureSpace(db: Database, space: Space): number {
  const { model, dimension, version } = space;
  db.query("INSERT OR IGNORE INTO space(model, dimension, version) VALUES(?, ?, ?)").run(
    model,
    dimension,
    version,
  );
  return spaceId(db, space)!;
}

export function spaceId(db: Database, { model, dimension, version }: Space): number | undefined {
  return db
    .query<{ id: number }, [string, number, number]>(
      "SELECT id FROM space WHERE model = ? AND dimension = ? AND version = ?",
    )
    .get(model, dimension, version)?.id;
}

export const DAMAGED = 'the vectors are damaged; stop the node and run "dwbase storage reindex"';

/** A vector as `vec` has it: its bytes, sealed when encrypted. */
export function sealVector(vault: Vault | undefined, space: number, seq: number, q: Int8Array): Uint8Array {
  const bytes = new Uint8Array(q.buffer, q.byteOffset, q.length);
  return vault ? vault.seal(bytes, vault.place("vec.q", [seq, space])) : bytes;
}

/** The bytes of a vector of `vec`; empty when it cannot be opened. */
export function openVector(vault: Vault | undefined, space: number, seq: number, q: Uint8Array): Uint8Array {
  if (!vault) return q;
  const bytes = vault.open(q, vault.place("vec.q", [seq, space]));
  return bytes instanceof Uint8Array ? bytes : NO_BYTES;
}

const NO_BYTES = new Uint8Array();

/** The highest sequence of a world that has a vector in a space, 0 for none. */
export function embeddedUpTo(db: Database, space: number, world: number): number {
  return (
    db
      .query<{ seq: number | null }, [number, number]>(
        "SELECT max(seq) AS seq FROM vec WHERE space = ? AND world = ?",
      )
      .get(space, world)?.seq ?? 0
  );
}

const WAITING = `FROM doc WHERE world = ? AND seq > ? AND (bits & ${DOC.old}) = 0`;

const NEXT = `JOIN doc ON doc.seq = atom.seq
  WHERE doc.world = ? AND doc.seq > ? AND (doc.bits & ${DOC.old}) = 0 ORDER BY doc.seq LIMIT ?`;

/** The space that a store met last; undefined when nothing was ever embedded in it. */
export function newestSpace(db: Database): Space | undefined {
  return (
    db.query<Space, []>("SELECT model, dimension, version FROM space ORDER BY id DESC LIMIT 1").get() ??
    undefined
  );
}

/** How many atoms of a world have no vector in a space yet. */
export function unembedded(db: Database, space: number, world: number): number {
  return db
    .query<{ n: number }, [number, number]>(`SELECT count(*) AS n ${WAITING}`)
    .get(world, embeddedUpTo(db, space, world))!.n;
}

/** Whether a world has atoms without a vector in a space. */
export function isBehind(db: Database, space: number, world: number): boolean {
  return db.query(`SELECT 1 ${WAITING} LIMIT 1`).get(world, embeddedUpTo(db, space, world)) !== null;
}

/**
 * The writer's side of the vectors. Within a world and space rows are written in ascending sequence, so that the
 * newest one tells how far the world is embedded: a world that is behind gets no vector at once until the backfill
 * has caught up.
 */
export class VectorRows {
  /** 0 when no vectors are made. */
  private readonly space: number;
  private readonly spaces: number[];
  private readonly behind: Set<number>;
  /** A page of the table is not in order: until a restart no vectors are made. */
  damaged = false;

  /** @param maker undefined when no vectors are made; those that are there still go with their atoms */
  constructor(
    private readonly db: Database,
    private readonly maker: VectorMaker | undefined,
  ) {
    this.space = maker ? ensureSpace(db, maker.space) : 0;
    this.spaces = db
      .query<{ id: number }, []>("SELECT id FROM space")
      .all()
      .map(({ id }) => id);
    this.behind = (maker && this.unlessDamaged(() => this.findBehind())) ?? new Set();
  }

  /** Worlds that wait for the backfill. */
  get waiting(): number {
    return this.behind.size;
  }

  /** Name of the model that makes the vectors; undefined when none are made. */
  get model(): string | undefined {
    return this.maker?.space.model;
  }

  /** The vector of a text where one can be made at once. */
  embed(text: string): Int8Array | undefined {
    return this.maker?.embed?.(text);
  }

  /** Gives a new atom its vector, or leaves it to the backfill. */
  add(world: number, seq: number, text: string): void {
    if (!this.maker || this.damaged) return;
    const { embed } = this.maker;
    if (!embed) this.behind.add(world);
    else if (!this.behind.has(world)) this.unlessDamaged(() => this.insert(world, seq, embed(text)));
  }

  /** Vectors can be made anew, so that damaged ones stop nothing else. */
  private unlessDamaged<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (cause) {
      if (!isCorrupt(cause)) throw cause;
      this.damaged = true;
      return undefined;
    }
  }

  /** Takes an atom's vectors out of every space. */
  remove(world: number, seq: number): void {
    for (const space of this.spaces) {
      this.db.query("DELETE FROM vec WHERE space = ? AND world = ? AND seq = ?").run(space, world, seq);
    }
  }

  /** The next atoms for the backfill, at most `limit`; undefined when no world is behind. */
  next(limit: number): Unembedded | undefined {
    if (this.damaged) return undefined;
    for (const world of this.behind) {
      const rows = selectAtoms(this.db, NEXT, world, embeddedUpTo(this.db, this.space, world), limit);
      if (rows.length === 0) this.behind.delete(world);
      else return { world, atoms: rows.map(textOf) };
    }
    return undefined;
  }

  /** Enters vectors that the backfill made; atoms removed meanwhile are left out. In the running transaction. */
  fill(world: number, made: readonly { seq: number; q: Int8Array }[]): void {
    const there = this.db.query(`SELECT 1 FROM doc WHERE world = ? AND seq = ? AND (bits & ${DOC.old}) = 0`);
    for (const { seq, q } of made) if (there.get(world, seq) !== null) this.insert(world, seq, q);
  }

  private insert(world: number, seq: number, q: Int8Array): void {
    this.db
      .query("INSERT OR REPLACE INTO vec(space, world, seq, q) VALUES(?, ?, ?, ?)")
      .run(this.space, world, seq, sealVector(vaultOf(this.db), this.space, seq, q));
  }

  private findBehind(): Set<number> {
    const worlds = this.db.query<{ id: number }, []>("SELECT id FROM world WHERE state <> 2").all();
    return new Set(worlds.map(({ id }) => id).filter((id) => isBehind(this.db, this.space, id)));
  }
}

/** A damaged atom gets the vector of no text, so that it does not stop the backfill. */
function textOf(row: AtomRow): { seq: number; text: string } {
  try {
    return { seq: row.seq, text: atomText(verified(row).payload, row.worker).meaning };
  } catch {
    return { seq: row.seq, text: "" };
  }
}
