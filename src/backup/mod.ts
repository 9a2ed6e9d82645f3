/** Rank 9: copies of a store in one file each. See DESIGN.md. */
export { type Created, type CreateOptions, createArchive } from "./create.ts";
export { type Drill, drillArchive } from "./drill.ts";
export type { Metadata } from "./metadata.ts";
export { type Restored, type RestoreOptions, restoreArchive } from "./restore.ts";
export { type Backup, backupTo, listBackups, type RotationOptions } from "./rotation.ts";
export { snapshotHere } from "./snapshot.ts";
export { type BackupStatus, backupStatusOf, lastBackup } from "./status.ts";
export { type Report, verifyArchive } from "./verify.ts";
