import { Database } from "bun:sqlite";
import { existsSync, rmSync } from "node:fs";
import { type Clock, Fault, type Layout, layout } from "../base/mod.ts";
import { type Space, spaceName } from "../embedder/mod.ts";
import { dropCopies, settleLog, whyNoCopy } from "./copies.ts";
import { sqliteFault } from "./faults.ts";
import { type Keyring, keyIdOf, keyringOf, vaultOfKey } from "./keyring.ts";
import { readSentKey } from "./meta.ts";
import { lockDirectory, openForRead, openForWrite, refuseAbsent } from "./open.ts";
import { buildDatabase, installDatabase, type SourceVector, type TruthSource } from "./rebuild.ts";
import { ATOM_SELECT, type AtomRow, loadAtom } from "./rows.ts";
import { MIGRATIONS } from "./schema.ts";
import { swapDatabase } from "./swap.ts";
import type { TruthTable } from "./truth-table.ts";
import { vaultOf } from "./vault.ts";
import { openVector, type VectorMaker } from "./vector-rows.ts";

export interface OfflineOptions {
  /** Absent: the keys of the process's environment. */
  keyring?: Keyring;
  /** Makes vectors; those of its space are computed again, others are copied. */
  vectors?: VectorMaker;
  clock?: Clock;
  onProgress?: (done: number, total: number) => void;
}

/** The truth of a database that is in order. @throws Fault damaged at the first row that is not */
class WholeSource implements TruthSource {
  readonly sentKey: Uint8Array | undefined;

  constructor(
    private readonly db: Database,
    private readonly made: Space | undefined,
  ) {
    this.sentKey = readSentKey(db);
  }

  *rows<Row extends object>(table: TruthTable<Row>): Generator<Row> {
    for (const row of this.db.query<object, []>(table.select).iterate()) {
      if (!table.tryOpen(this.db, row)) throw notWhole(`a record of "${table.name}"`);
      yield row as Row;
    }
  }

  *atoms(): Generator<AtomRow> {
    for (const row of this.db.query<AtomRow, []>(`${ATOM_SELECT} ORDER BY seq`).iterate()) {
      if (!loadAtom(this.db, row).sound) throw notWhole(`the atom of sequence ${row.seq}`);
      yield row;
    }
  }

  *vectors(): Generator<SourceVector> {
    const vault = vaultOf(this.db);
    for (const { id, ...space } of this.db.query<Space & { id: number }, []>("SELECT * FROM space").all()) {
      if (this.made && spaceName(space) === spaceName(this.made)) continue;
      const rows = this.db.query<{ world: number; seq: number; q: Uint8Array }, [number]>(
        "SELECT world, seq, q FROM vec WHERE space = ? ORDER BY world, seq",
      );
      for (const { world, seq, q } of rows.iterate(id)) {
        const bytes = openVector(vault, id, seq, q);
        yield { space, world, seq, q: new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length) };
      }
    }
  }

  total(): number {
    return this.db.query<{ n: number }, []>("SELECT count(*) AS n FROM atom").get()!.n;
  }
}

function notWhole(what: string): Fault {
  return new Fault("damaged", `${what} is damaged; run "dwbase storage repair" first`, { op: "rebuild" });
}

/** Runs `work` with the directory's lock held. @throws Fault storage_error when a node uses it, not_found */
export function withLock<T>(dataDir: string, work: (place: Layout) => T): T {
  const place = layout(dataDir);
  refuseAbsent(place);
  const lock = lockDirectory(place);
  try {
    return work(place);
  } catch (cause) {
    throw sqliteFault("rebuild", cause, place.database);
  } finally {
    lock.release();
  }
}

/** Builds the database anew from its own truth. @returns atoms in it */
function rebuild(place: Layout, options: OfflineOptions, target: Keyring): number {
  const keyring = { keys: (options.keyring ?? keyringOf(process.env)).keys };
  settleLog(place);
  const db = openForWrite(place, MIGRATIONS, keyring);
  let fresh: string;
  let atoms = 0;
  try {
    const source = new WholeSource(db, options.vectors?.space);
    const total = source.total();
    const { vectors, clock, onProgress } = options;
    fresh = buildDatabase(place, source, {
      keyring: target,
      ...(vectors ? { vectors } : {}),
      ...(clock ? { clock } : {}),
      onProgress: (done) => {
        atoms = done;
        onProgress?.(done, total);
      },
    });
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    db.close();
  }
  installDatabase(place, fresh);
  return atoms;
}

/**
 * Builds everything derived anew: thin rows, text index, vectors, links, counts.
 * @returns atoms in the store
 * @throws Fault damaged when a row of the truth is, storage_error when a node uses the directory, disk_full, forbidden
 */
export function reindexStore(dataDir: string, options: OfflineOptions = {}): number {
  return withLock(dataDir, (place) => {
    const keyId = currentKey(place);
    const { keys } = options.keyring ?? keyringOf(process.env);
    return rebuild(place, options, keyId === undefined ? { keys } : { wanted: keyId, keys });
  });
}

/**
 * Encrypts a store, changes its key, or decrypts it: into a new database that takes the place of the old one, which is
 * removed. A run that was cut off leaves the old or the new one.
 * @param to id of the key; undefined = not encrypted
 * @returns atoms in the store, undefined when it was so already
 * @throws Fault as `reindexStore`; forbidden when either key is missing or wrong
 */
export function rekeyStore(
  dataDir: string,
  to: string | undefined,
  options: OfflineOptions = {},
): number | undefined {
  return withLock(dataDir, (place) => {
    const { keys } = options.keyring ?? keyringOf(process.env);
    if (to !== undefined) vaultOfKey({ keys }, to, "the store that rekey makes");
    if (currentKey(place) === to) return undefined;
    const atoms = rebuild(place, options, to === undefined ? { keys } : { wanted: to, keys });
    // neither what the old key opens nor what was not encrypted may stay
    dropCopies(place);
    return atoms;
  });
}

function currentKey(place: Layout): string | undefined {
  const db = openForRead(place);
  try {
    return keyIdOf(db);
  } finally {
    db.close();
  }
}

/**
 * Goes back to the copy that was made before the last upgrade, for the binary before it. What was remembered since is
 * kept beside it as `dwbase.db.old`.
 * @throws Fault forbidden when the copy is gone, and why
 */
export function rollbackStore(dataDir: string): void {
  withLock(dataDir, (place) => {
    if (!existsSync(place.migrationCopy)) throw noCopy(place);
    foldWal(place);
    swapDatabase(place, place.migrationCopy, place.old);
    rmSync(place.index, { recursive: true, force: true });
  });
}

/** Without a key: nothing of the content is looked at. */
function foldWal(place: Layout): void {
  const db = new Database(place.database, { readwrite: true });
  try {
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    db.close();
  }
}

function noCopy(place: Layout): Fault {
  const db = openForRead(place);
  try {
    const why = whyNoCopy(db) || "no upgrade was made";
    return new Fault("forbidden", `there is nothing to go back to in ${place.dir}: ${why}`, {
      op: "rollback",
    });
  } finally {
    db.close();
  }
}
