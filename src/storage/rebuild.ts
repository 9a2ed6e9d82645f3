import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Clock, Fault, giveToOwnerOf, type Layout, layout, syncFile } from "../base/mod.ts";
import type { Space } from "../embedder/mod.ts";
import { checkStore } from "./check.ts";
import type { Finding } from "./check-report.ts";
import type { WriteContext } from "./context.ts";
import { dropRebuild, requireSpace } from "./copies.ts";
import { restoreAtom } from "./insert.ts";
import { KEY_RECORD, type Keyring } from "./keyring.ts";
import { LINK } from "./links.ts";
import { META, SENT_KEY, writeMeta, writeSentKey } from "./meta.ts";
import { DEBT } from "./purge.ts";
import type { AtomRow } from "./rows.ts";
import { STATE } from "./schema.ts";
import { SUBJECT, type SubjectRow } from "./subjects.ts";
import { swapDatabase } from "./swap.ts";
import { COVERED } from "./text-index.ts";
import type { TruthTable } from "./truth-table.ts";
import { TRUTH_TABLES } from "./truth-tables.ts";
import { vaultOf } from "./vault.ts";
import { ensureSpace, sealVector, type VectorMaker } from "./vector-rows.ts";
import { WORLD, type WorldRow } from "./worlds.ts";
import { StoreWriter } from "./writer.ts";

/** What a database is built anew from: the truth in the open, however it was come by. */
export interface TruthSource {
  /** The rows of a table, in any order. */
  rows<Row extends object>(table: TruthTable<Row>): Iterable<Row>;
  /** Sound atoms in the order of their sequences. */
  atoms(): Iterable<AtomRow>;
  /** The key of request digests; undefined when it is lost. */
  sentKey: Uint8Array | undefined;
  /** Vectors of the spaces that cannot be computed again here. */
  vectors(): Iterable<SourceVector>;
}

export interface SourceVector {
  space: Space;
  world: number;
  seq: number;
  q: Int8Array;
}

export interface RebuildOptions {
  /** How the new database is encrypted. */
  keyring: Keyring;
  /** Makes the vectors of the new database; absent: those that cannot be copied wait for the node. */
  vectors?: VectorMaker;
  clock?: Clock;
  /** What the check of the new database may find. */
  tolerates?: (finding: Finding) => boolean;
  /** Atoms that are in the new database. */
  onProgress?: (done: number) => void;
}

const BATCH = 500;
/** Entries of `meta` that the new database has of its own. */
const OWN: readonly string[] = [...KEY_RECORD, COVERED, DEBT, SENT_KEY];
/** Tables that are written before the atoms, or made from them. */
const EARLY: readonly string[] = [META.name, WORLD.name, SUBJECT.name, LINK.name];

/**
 * Builds a database from a source in `rebuild.tmp` under the data directory: all truth, and everything derived from it
 * anew, so that it has no free page and no byte of what was not copied. It is checked deeply before it is given out.
 * The caller holds the directory's lock.
 * @returns the path of the new database, whole and synced
 * @throws Fault disk_full, storage_error, forbidden (no key), damaged when the new database is not in order
 */
export function buildDatabase(place: Layout, source: TruthSource, options: RebuildOptions): string {
  dropRebuild(place);
  const size = existsSync(place.database) ? statSync(place.database).size : 0;
  requireSpace(place, "building the database anew", size);
  const { keyring, vectors, clock } = options;
  const writer = new StoreWriter(place.rebuild, {
    keyring,
    ...(vectors ? { vectors } : {}),
    ...(clock ? { clock } : {}),
  });
  try {
    const { states, last } = writer.commitOne((ctx) => beforeAtoms(ctx, source), true);
    copyAtoms(writer, source, options.onProgress);
    copyVectors(writer, source);
    writer.commitOne((ctx) => afterAtoms(ctx, source, states, last), true);
  } finally {
    writer.close();
  }
  const path = layout(place.rebuild).database;
  const report = checkStore(place.rebuild, { deep: true, keyring, ...(vectors ? { vectors } : {}) });
  const finding = report.findings.find((one) => !options.tolerates?.(one));
  if (finding) {
    const { table, problem } = finding;
    const message = `the new database is not in order (${table}: ${problem}); the old one stays as it is`;
    throw new Fault("damaged", message, { op: "rebuild" });
  }
  syncFile(path);
  return path;
}

/** Puts a built database in its place. @param aside where the one before is kept; absent: it is removed */
export function installDatabase(place: Layout, fresh: string, aside = join(place.rebuild, "replaced")): void {
  giveToOwnerOf(place.dir, fresh);
  swapDatabase(place, fresh, aside);
  dropRebuild(place);
  // snapshots are of the database before
  rmSync(place.index, { recursive: true, force: true });
}

/** Identity, worlds without their counts, and subjects, which say what the newest versions are. */
function beforeAtoms(ctx: WriteContext, source: TruthSource) {
  for (const { key, value } of source.rows(META)) if (!OWN.includes(key)) writeMeta(ctx.db, key, value);
  if (source.sentKey) writeSentKey(ctx.db, source.sentKey);
  const states = new Map<number, number>();
  const last = new Map<number, number>();
  for (const world of source.rows(WORLD)) {
    states.set(world.id, world.state);
    last.set(world.id, world.last_seq);
    ctx.db.query(WORLD.put).run(...WORLD.values(ctx.db, emptied(world)));
  }
  for (const subject of source.rows(SUBJECT)) put(ctx, SUBJECT, subject);
  return { states, last };
}

/** Atoms count themselves in. Nothing is taken out of a world that is to vanish before it is whole. */
function emptied(world: WorldRow): WorldRow {
  const none = { atoms: 0, docs: 0, tokens: 0, bytes: 0, quarantined: 0 };
  const loose = { loose_seq: 0, loose_thread: 0, loose_pos: 0, loose_ms: 0 };
  return { ...world, ...none, ...loose, state: STATE.active, forget_epoch: world.forget_epoch + 1 };
}

function put<Row extends object>(ctx: WriteContext, table: TruthTable<Row>, row: Row): void {
  ctx.db.query(table.put).run(...table.values(ctx.db, row));
}

function copyAtoms(writer: StoreWriter, source: TruthSource, onProgress?: (done: number) => void): void {
  let batch: AtomRow[] = [];
  let done = 0;
  const flush = (): void => {
    const rows = batch;
    batch = [];
    writer.commitOne((ctx) => {
      for (const row of rows) restoreAtom(ctx, row, !isHead(ctx, row));
    }, true);
    done += rows.length;
    onProgress?.(done);
    // the WAL is folded as it grows
    writer.maintain(false);
  };
  for (const row of source.atoms()) {
    batch.push(row);
    if (batch.length >= BATCH) flush();
  }
  if (batch.length > 0) flush();
}

function isHead(ctx: WriteContext, row: AtomRow): boolean {
  if (row.subject === null) return true;
  const subject = ctx.db
    .query<Pick<SubjectRow, "head_seq">, [Uint8Array]>("SELECT head_seq FROM subject WHERE id = ?")
    .get(row.subject);
  return subject?.head_seq === row.seq;
}

function copyVectors(writer: StoreWriter, source: TruthSource): void {
  let batch: SourceVector[] = [];
  const flush = (): void => {
    const rows = batch;
    batch = [];
    writer.commitOne(({ db }) => {
      const there = db.query("SELECT 1 FROM doc WHERE world = ? AND seq = ?");
      const insert = db.query("INSERT OR REPLACE INTO vec(space, world, seq, q) VALUES(?, ?, ?, ?)");
      for (const { space, world, seq, q } of rows) {
        if (q.length !== space.dimension || there.get(world, seq) === null) continue;
        const id = ensureSpace(db, space);
        insert.run(id, world, seq, sealVector(vaultOf(db), id, seq, q));
      }
    }, true);
    writer.maintain(false);
  };
  for (const row of source.vectors()) {
    batch.push(row);
    if (batch.length >= BATCH) flush();
  }
  if (batch.length > 0) flush();
}

/** What would change what is there, policies above all, comes last. */
function afterAtoms(
  ctx: WriteContext,
  source: TruthSource,
  states: ReadonlyMap<number, number>,
  last: ReadonlyMap<number, number>,
): void {
  for (const table of TRUTH_TABLES) {
    if (!EARLY.includes(table.name)) for (const row of source.rows(table)) put(ctx, table, row);
  }
  for (const [id, state] of states) {
    const world = ctx.worlds.get(id);
    world.state = state;
    world.last_seq = Math.max(world.last_seq, last.get(id)!);
    ctx.worlds.touch(world);
  }
}
