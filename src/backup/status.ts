import { atomicWrite, layout, readIfThere } from "../base/mod.ts";

/** `<data_dir>/backup-status.json`: how the last backups went. Times are RFC 3339. */
export interface BackupStatus {
  last_success_at: string | null;
  last_file: string | null;
  last_bytes: number | null;
  last_attempt_at: string | null;
  /** Why the last attempt failed; null when it did not. */
  last_error: string | null;
  /** Failed attempts in all. */
  failures: number;
}

const NEVER: BackupStatus = {
  last_success_at: null,
  last_file: null,
  last_bytes: null,
  last_attempt_at: null,
  last_error: null,
  failures: 0,
};

/** How the last backups of a data directory went. A status that cannot be read counts as none. */
export function lastBackup(dataDir: string): BackupStatus {
  try {
    const text = readIfThere(layout(dataDir).backupStatus);
    return text === undefined ? NEVER : { ...NEVER, ...(JSON.parse(text) as Partial<BackupStatus>) };
  } catch {
    return NEVER;
  }
}

function write(dataDir: string, status: BackupStatus): void {
  atomicWrite(layout(dataDir).backupStatus, `${JSON.stringify(status, null, 2)}\n`, 0o644);
}

/** @throws Fault storage_error or disk_full when it cannot be noted */
export function noteSuccess(dataDir: string, file: string, bytes: number, now: number): void {
  const at = new Date(now).toISOString();
  const { failures } = lastBackup(dataDir);
  write(dataDir, {
    last_success_at: at,
    last_file: file,
    last_bytes: bytes,
    last_attempt_at: at,
    last_error: null,
    failures,
  });
}

/** @throws Fault storage_error or disk_full when it cannot be noted */
export function noteFailure(dataDir: string, reason: string, now: number): void {
  const before = lastBackup(dataDir);
  write(dataDir, {
    ...before,
    last_attempt_at: new Date(now).toISOString(),
    last_error: reason,
    failures: before.failures + 1,
  });
}
