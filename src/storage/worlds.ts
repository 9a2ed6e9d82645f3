import type { Database } from "bun:sqlite";
import { Fault } from "../base/mod.ts";
import { readNumber, writeNumber } from "./meta.ts";
import { TruthTable } from "./truth-table.ts";

/** A row of `world`, columns in the order of the table. */
export interface WorldRow {
  id: number;
  name: string;
  /** Index into WORLD_STATES. */
  state: number;
  atoms: number;
  /** Atoms in the text index and statistics (head versions). */
  docs: number;
  /** Sum of their lengths in words. */
  tokens: number;
  /** Sum of the sizes of payloads, labels, flags, links and vectors. */
  bytes: number;
  quarantined: number;
  last_seq: number;
  newest_ms: number;
  forget_epoch: number;
  loose_seq: number;
  loose_thread: number;
  loose_pos: number;
  loose_ms: number;
  created_ms: number;
  description: string;
  /** JSON array. */
  labels: string;
}

const WORLD_COLUMNS = [
  "id",
  "name",
  "state",
  "atoms",
  "docs",
  "tokens",
  "bytes",
  "quarantined",
  "last_seq",
  "newest_ms",
  "forget_epoch",
  "loose_seq",
  "loose_thread",
  "loose_pos",
  "loose_ms",
  "created_ms",
  "description",
  "labels",
] as const satisfies readonly (keyof WorldRow)[];

export const WORLD = new TruthTable<WorldRow>("world", {
  columns: WORLD_COLUMNS,
  key: ["id"],
  sealed: ["description", "labels"],
});

const UPDATE = `UPDATE world SET ${WORLD_COLUMNS.slice(2)
  .map((column) => `${column} = ?`)
  .join(", ")}, sum = ? WHERE id = ?`;

function checked(db: Database, row: WorldRow | null): WorldRow | undefined {
  if (row === null) return undefined;
  const damaged = `the record of world number ${row.id} is damaged; run "dwbase storage check --deep"`;
  return WORLD.open(db, row, damaged);
}

export function worldByName(db: Database, name: string): WorldRow | undefined {
  return checked(db, db.query<WorldRow, [string]>(`${WORLD.select} WHERE name = ?`).get(name));
}

export function worldById(db: Database, id: number): WorldRow | undefined {
  return checked(db, db.query<WorldRow, [number]>(`${WORLD.select} WHERE id = ?`).get(id));
}

/** All worlds by name, the node's own and the vanishing ones included. */
export function* allWorlds(db: Database): Generator<WorldRow> {
  for (const row of db.query<WorldRow, []>(`${WORLD.select} ORDER BY name`).iterate())
    yield checked(db, row)!;
}

/** How many worlds the writer keeps at hand; only clean ones are let go. */
const CACHED = 512;

/**
 * The writer's view of the worlds: rows are changed in memory and written once per commit. `reset` after a rollback.
 */
export class WorldCache {
  private byName = new Map<string, WorldRow>();
  private byId = new Map<number, WorldRow>();
  private dirty = new Set<WorldRow>();

  constructor(private readonly db: Database) {}

  find(name: string): WorldRow | undefined {
    return this.byName.get(name) ?? this.keep(worldByName(this.db, name));
  }

  get(id: number): WorldRow {
    const world = this.byId.get(id) ?? this.keep(worldById(this.db, id));
    if (!world)
      throw new Fault("storage_error", `world number ${id} is missing; run "dwbase storage check --deep"`);
    return world;
  }

  create(name: string, now: number): WorldRow {
    const last = this.db.query<{ id: number | null }, []>("SELECT max(id) AS id FROM world").get()!.id ?? 0;
    const world: WorldRow = {
      id: Math.max(last, readNumber(this.db, "world_floor"), ...this.byId.keys()) + 1,
      name,
      state: 0,
      atoms: 0,
      docs: 0,
      tokens: 0,
      bytes: 0,
      quarantined: 0,
      last_seq: 0,
      newest_ms: 0,
      forget_epoch: 0,
      loose_seq: 0,
      loose_thread: 0,
      loose_pos: 0,
      loose_ms: 0,
      created_ms: now,
      description: "",
      labels: "[]",
    };
    this.keep(world);
    this.insert(world);
    return world;
  }

  /** Marks a changed world for the next `flush`. */
  touch(world: WorldRow): void {
    this.dirty.add(world);
  }

  rename(world: WorldRow, name: string): void {
    this.byName.delete(world.name);
    world.name = name;
    this.byName.set(name, world);
    this.db.query("UPDATE world SET name = ? WHERE id = ?").run(name, world.id);
    this.touch(world);
  }

  /** Removes an emptied world; its number and the sequences it used are never given again. */
  remove(world: WorldRow): void {
    this.byName.delete(world.name);
    this.byId.delete(world.id);
    this.dirty.delete(world);
    writeNumber(this.db, "world_floor", Math.max(world.id, readNumber(this.db, "world_floor")));
    writeNumber(this.db, "seq_floor", Math.max(world.last_seq, readNumber(this.db, "seq_floor")));
    this.db.query("DELETE FROM world WHERE id = ?").run(world.id);
  }

  private insert(world: WorldRow): void {
    this.db.query(WORLD.put).run(...WORLD.values(this.db, world));
  }

  /** Writes the changed rows into the running transaction. The index on names is left alone. */
  flush(): void {
    for (const world of this.dirty) {
      this.db.query(UPDATE).run(...WORLD.values(this.db, world).slice(2), world.id);
    }
  }

  /** After a commit: what was flushed is clean. */
  settled(): void {
    this.dirty.clear();
    if (this.byId.size > CACHED) this.reset();
  }

  reset(): void {
    this.byName.clear();
    this.byId.clear();
    this.dirty.clear();
  }

  private keep(world: WorldRow | undefined): WorldRow | undefined {
    if (world) {
      this.byName.set(world.name, world);
      this.byId.set(world.id, world);
    }
    return world;
  }
}
