import { existsSync } from "node:fs";
import { asFault, atomicWrite, giveToOwnerOf, layout, readIfThere, systemClock } from "../base/mod.ts";

/** `<data_dir>/backup-status.json`: how the last backups went. Times are RFC 3339. */
export interface BackupStatus {
  last_success_at: string | null;
  /** "" when it went to a pipe. */
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

/** The content of a status file; one that is absent or cannot be read counts as none. */
export function backupStatusOf(text: string | undefined): BackupStatus {
  try {
    return text === undefined ? NEVER : { ...NEVER, ...(JSON.parse(text) as Partial<BackupStatus>) };
  } catch {
    return NEVER;
  }
}

/** How the last backups of a data directory went. */
export function lastBackup(dataDir: string): BackupStatus {
  try {
    return backupStatusOf(readIfThere(layout(dataDir).backupStatus));
  } catch {
    return NEVER;
  }
}

function write(dataDir: string, status: BackupStatus): void {
  // a directory named by mistake gets no note of it
  if (!existsSync(layout(dataDir).database)) return;
  const path = layout(dataDir).backupStatus;
  atomicWrite(path, `${JSON.stringify(status, null, 2)}\n`, 0o644);
  giveToOwnerOf(dataDir, path);
}

export interface Noted {
  /** Why the status could not be written: the backup is whole all the same. */
  warning?: string;
}

/**
 * Runs what makes a backup and notes how it went. A data directory that is full or somebody else's is backed up all
 * the same, and what failed is told before what could not be noted.
 */
export async function noted<T extends { path: string; bytes: number }>(
  dataDir: string,
  work: () => Promise<T>,
): Promise<T & Noted> {
  let made: T;
  try {
    made = await work();
  } catch (cause) {
    quietly(() => noteFailure(dataDir, asFault(cause).message, systemClock.now()));
    throw cause;
  }
  const warning = quietly(() => noteSuccess(dataDir, made.path, made.bytes, systemClock.now()));
  return warning === undefined ? made : { ...made, warning };
}

/** @returns what went wrong */
function quietly(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (cause) {
    return asFault(cause).message;
  }
}

function noteSuccess(dataDir: string, file: string, bytes: number, now: number): void {
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

function noteFailure(dataDir: string, reason: string, now: number): void {
  const before = lastBackup(dataDir);
  write(dataDir, {
    ...before,
    last_attempt_at: new Date(now).toISOString(),
    last_error: reason,
    failures: before.failures + 1,
  });
}
