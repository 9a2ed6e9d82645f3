import { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync, readSync, rmSync, statSync, truncateSync } from "node:fs";
import { ensureDir, Fault, fileFault, KB, type Layout, LIMITS } from "../base/mod.ts";
import { copyBeforeMigration, dropRebuild, noteCopy } from "./copies.ts";
import { sqliteFault } from "./faults.ts";
import { type Keyring, keyringOf, newVault, vaultOfStore, writeKeyRecord } from "./keyring.ts";
import { APPLICATION_ID, MIGRATIONS, type Migration } from "./schema.ts";
import { settleSwap } from "./swap.ts";
import { attachVault, vaultOf } from "./vault.ts";

const HEADER = "SQLite format 3\0";

/** @throws Fault damaged when the file is there, not empty, and no SQLite database. */
function refuseGarbage(path: string): void {
  if (!existsSync(path) || statSync(path).size === 0) return;
  const fd = openSync(path, "r");
  try {
    const head = Buffer.alloc(HEADER.length);
    readSync(fd, head, 0, head.length, 0);
    if (head.toString("latin1") === HEADER) return;
  } finally {
    closeSync(fd);
  }
  throw new Fault(
    "damaged",
    `${path} is not a database; restore a backup, or move the file aside to start empty`,
    {
      op: "open database",
    },
  );
}

function pragma(db: Database, name: string): unknown {
  return Object.values(db.query<Record<string, unknown>, []>(`PRAGMA ${name}`).get() ?? {})[0];
}

/** Refuses what is not ours or is newer than we know. Returns the schema version, 0 for an empty file. */
function identify(db: Database, path: string, newest: number): number {
  const version = Number(pragma(db, "user_version"));
  const application = Number(pragma(db, "application_id"));
  if (version === 0 && application === 0 && Number(pragma(db, "schema_version")) === 0) return 0;
  if (application !== APPLICATION_ID) {
    throw new Fault("storage_error", `${path} belongs to another program; choose another data directory`, {
      op: "open database",
    });
  }
  if (version > newest) {
    throw new Fault(
      "storage_error",
      `${path} has schema ${version}, newer than the ${newest} this dwbase knows; run the newer dwbase again`,
      { op: "open database" },
    );
  }
  return version;
}

/** What every connection wants; mmap would turn a read error of an SD card into SIGBUS. */
function settle(db: Database, cacheKb: number): void {
  db.run("PRAGMA mmap_size=0");
  db.run("PRAGMA temp_store=MEMORY");
  db.run(`PRAGMA cache_size=-${cacheKb}`);
  db.run("PRAGMA busy_timeout=0");
}

/** The settings of a write connection, per connection in SQLite, asserted since durability hangs on them. */
function settleWriter(db: Database): void {
  settle(db, LIMITS.writerCacheBytes / KB);
  // VACUUM INTO, which makes backups and the copies before an upgrade, does not carry the mode over
  db.run("PRAGMA journal_mode=WAL");
  db.run("PRAGMA synchronous=FULL");
  db.run("PRAGMA secure_delete=ON");
  db.run("PRAGMA wal_autocheckpoint=0");
  db.run("PRAGMA foreign_keys=OFF");
  const settled = ["synchronous", "secure_delete", "journal_mode"].map((name) => pragma(db, name));
  if (!Bun.deepEquals(settled, [2, 1, "wal"])) {
    throw new Fault("storage_error", "the database refused synchronous=FULL, secure_delete=ON or WAL", {
      op: "open database",
    });
  }
}

function createEmpty(db: Database): void {
  db.run(`PRAGMA page_size=${LIMITS.pageSize}`);
  db.run("PRAGMA auto_vacuum=INCREMENTAL");
}

function migrate(db: Database, place: Layout, from: number, migrations: readonly Migration[]): void {
  const due = migrations.filter((m) => m.version > from);
  if (due.length === 0) return;
  if (from > 0) copyBeforeMigration(db, place);
  for (const migration of due) {
    db.run("BEGIN IMMEDIATE");
    try {
      migration.up(db);
      noteCopy(db);
      const vault = migration === migrations[0] ? vaultOf(db) : undefined;
      if (vault) writeKeyRecord(db, vault);
      db.run(`PRAGMA application_id=${APPLICATION_ID}`);
      db.run(`PRAGMA user_version=${migration.version}`);
      db.run("COMMIT");
    } catch (cause) {
      if (db.inTransaction) db.run("ROLLBACK");
      throw cause;
    }
  }
}

/**
 * The write connection, on the newest schema. The caller holds the directory's lock.
 * @throws Fault damaged (not a database), storage_error (foreign, newer, unreadable), disk_full, forbidden (a key is
 *   missing or wrong; nothing is changed).
 */
export function openForWrite(
  place: Layout,
  migrations: readonly Migration[] = MIGRATIONS,
  keyring = keyringOf(process.env),
): Database {
  ensureDir(place.dir);
  settleSwap(place);
  dropRebuild(place);
  refuseGarbage(place.database);
  let db: Database | undefined;
  try {
    // a key that is missing is said before anything is made
    const fresh = existsSync(place.database) ? undefined : newVault(keyring);
    db = new Database(place.database, { create: true, readwrite: true });
    const version = identify(db, place.database, migrations.at(-1)?.version ?? 0);
    attachVault(db, version > 0 ? vaultOfStore(db, keyring, place.database) : (fresh ?? newVault(keyring)));
    if (version === 0) createEmpty(db);
    settleWriter(db);
    migrate(db, place, version, migrations);
    return db;
  } catch (cause) {
    db?.close();
    throw cause instanceof Fault ? cause : sqliteFault("open database", cause, place.database);
  }
}

/** A swap of databases that was cut off counts as one. @throws Fault not_found */
export function refuseAbsent(place: Layout): void {
  if (![place.database, place.incoming, place.old].some((path) => existsSync(path))) throw noDatabase(place);
}

function noDatabase(place: Layout): Fault {
  return new Fault("not_found", `there is no dwbase database in ${place.dir}; check --data-dir`);
}

/**
 * A read-only connection beside a running or stopped node.
 * @param keyring absent: what is encrypted cannot be read
 * @throws Fault not_found, damaged, storage_error, forbidden (a key is missing or wrong)
 */
export function openForRead(place: Layout, cacheKb = 2048, keyring?: Keyring): Database {
  refuseGarbage(place.database);
  if (!existsSync(place.database)) throw noDatabase(place);
  let db: Database | undefined;
  try {
    db = new Database(place.database, { readonly: true });
    if (identify(db, place.database, MIGRATIONS.at(-1)!.version) === 0) throw noDatabase(place);
    settle(db, cacheKb);
    db.run("PRAGMA query_only=ON");
    if (keyring) attachVault(db, vaultOfStore(db, keyring, place.database));
    return db;
  } catch (cause) {
    db?.close();
    throw cause instanceof Fault ? cause : sqliteFault("open database", cause, place.database);
  }
}

/** Held locks, by directory: an unreferenced connection would be collected and free its lock. */
const held = new Map<string, Database>();

export interface DirectoryLock {
  release(): void;
  /** Releases it and leaves the directory as it was found: for a store that could not be opened. */
  abandon(): void;
}

/**
 * Takes the directory's one write lock: a held exclusive transaction, freed by the kernel even on kill -9.
 * @throws Fault storage_error when another process holds it.
 */
export function lockDirectory(place: Layout): DirectoryLock {
  ensureDir(place.dir);
  const found = existsSync(place.lock);
  let db: Database;
  try {
    db = takeLock(place.lock);
  } catch (cause) {
    throw lockFault(place, cause);
  }
  held.set(place.dir, db);
  const release = (): void => {
    db.close();
    if (held.get(place.dir) === db) held.delete(place.dir);
  };
  const abandon = (): void => {
    // while it is still held: nobody else can have taken it
    if (!found) rmSync(place.lock, { force: true });
    release();
  };
  return { release, abandon };
}

function takeLock(path: string): Database {
  try {
    return beginExclusive(path);
  } catch (cause) {
    if (codeOf(cause) !== "SQLITE_NOTADB") throw cause;
    // nobody holds it, or it would be busy; it carries no content, so that it is emptied, not refused
    truncateSync(path);
    return beginExclusive(path);
  }
}

function beginExclusive(path: string): Database {
  const db = new Database(path, { create: true, readwrite: true });
  try {
    db.run("PRAGMA busy_timeout=0");
    db.run("BEGIN EXCLUSIVE");
    return db;
  } catch (cause) {
    db.close();
    throw cause;
  }
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && "code" in cause ? cause.code : undefined;
}

function lockFault(place: Layout, cause: unknown): unknown {
  if (codeOf(cause) === "SQLITE_BUSY") {
    const message = `another dwbase uses ${place.dir}; stop it or choose another data directory`;
    return new Fault("storage_error", message, { op: "lock", cause });
  }
  if (codeOf(cause) === "SQLITE_CANTOPEN") {
    return fileFault("lock", place.lock, Object.assign(new Error("cannot be opened"), { code: "EACCES" }));
  }
  return sqliteFault("lock", cause, place.lock);
}
