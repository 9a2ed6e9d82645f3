import type { Database } from "bun:sqlite";
import { layout } from "../base/mod.ts";
import { type AuditEvent, audit } from "./audit.ts";
import { type Keyring, keyringOf } from "./keyring.ts";
import { openForRead, refuseAbsent } from "./open.ts";
import { StoreWriter } from "./writer.ts";
import type { Job } from "./writer-types.ts";

/**
 * Runs `look` on a snapshot of a data directory, beside a running node or not.
 * @param keyring absent: what is encrypted, or sealed by the store's key, cannot be read
 * @throws Fault not_found, damaged, forbidden (a key is missing or wrong)
 */
export function lookInto<T>(dataDir: string, look: (db: Database) => T, keyring?: Keyring): T {
  const db = openForRead(layout(dataDir), undefined, keyring);
  try {
    return db.transaction(() => look(db))();
  } finally {
    db.close();
  }
}

/**
 * Appends an entry to the log of a directory that no node uses: for what is done offline, such as a restore.
 * @throws Fault storage_error when a node uses the directory; see `StoreWriter`
 */
export function auditOffline(dataDir: string, event: AuditEvent): void {
  commitOffline(dataDir, (ctx) => audit(ctx, event));
}

/**
 * Runs one job in a directory that no node uses, and has it on the disk. A mistyped directory is not made.
 * @param keyring absent: the keys of the process's environment
 * @throws Fault not_found, storage_error when a node uses the directory; see `StoreWriter`; what the job throws
 */
export function commitOffline<T>(dataDir: string, job: Job<T>, keyring = keyringOf(process.env)): T {
  refuseAbsent(layout(dataDir));
  const writer = new StoreWriter(dataDir, { keyring });
  try {
    return writer.commitOne(job);
  } finally {
    writer.close();
  }
}
