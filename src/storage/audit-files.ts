import type { Database } from "bun:sqlite";
import { layout } from "../base/mod.ts";
import { type AuditEvent, audit } from "./audit.ts";
import { openForRead, refuseAbsent } from "./open.ts";
import { StoreWriter } from "./writer.ts";
import type { Job } from "./writer-types.ts";

/** Runs `look` on a snapshot of a data directory, beside a running node or not. @throws Fault not_found, damaged */
export function lookInto<T>(dataDir: string, look: (db: Database) => T): T {
  const db = openForRead(layout(dataDir));
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
 * @throws Fault not_found, storage_error when a node uses the directory; see `StoreWriter`; what the job throws
 */
export function commitOffline<T>(dataDir: string, job: Job<T>): T {
  refuseAbsent(layout(dataDir));
  const writer = new StoreWriter(dataDir);
  try {
    const outcome = writer.commit([job])[0]!;
    if ("fault" in outcome) throw outcome.fault;
    return outcome.value;
  } finally {
    writer.close();
  }
}
