import { join } from "node:path";

/** Where things lie under a data directory. */
export function layout(dataDir: string) {
  return {
    dir: dataDir,
    /** The truth. */
    database: join(dataDir, "dwbase.db"),
    wal: join(dataDir, "dwbase.db-wal"),
    /** Held with BEGIN EXCLUSIVE by the one node that may write. */
    lock: join(dataDir, "lock.db"),
    /** Freed first when the disk is full, so that forgetting and checkpointing still work. */
    ballast: join(dataDir, "ballast"),
    /** Copy of the database made before a migration. */
    migrationCopy: join(dataDir, "dwbase.db.before-migration"),
    /** A whole database that is about to take the place of the one there (see storage/swap.ts). */
    incoming: join(dataDir, "dwbase.db.new"),
    /** The database that a restore replaced. */
    old: join(dataDir, "dwbase.db.old"),
    /** The database as repair found it, and the end of a write-ahead log that a start could not read. */
    damaged: join(dataDir, "dwbase.db.damaged"),
    damagedWal: join(dataDir, "dwbase.db-wal.damaged"),
    /** Where a database is built anew before it takes the place of the one there. */
    rebuild: join(dataDir, "rebuild.tmp"),
    /** What a restore validates before it touches anything else. */
    restoring: join(dataDir, "restoring"),
    /** What was restored, when and from where. */
    snapshotMetadata: join(dataDir, ".snapshot_metadata.json"),
    /** How the last backups went, for health and fleet scripts. */
    backupStatus: join(dataDir, "backup-status.json"),
    /** What the last check of the whole database found, for health. */
    checkStatus: join(dataDir, "check-status.json"),
    /** Keys; the only directory that is neither rebuildable nor backed up. */
    secrets: join(dataDir, "secrets"),
    adminKey: join(dataDir, "secrets", "admin.key"),
    /** Rebuildable vector snapshots. */
    index: join(dataDir, "index"),
    /** The native library that the executable carries, laid down to be loaded. */
    lib: join(dataDir, "lib"),
  } as const;
}
export type Layout = ReturnType<typeof layout>;
