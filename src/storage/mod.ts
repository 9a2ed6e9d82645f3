/** Rank 5: the durable log of atoms. See DESIGN.md. */
export {
  AUDIT_ACTIONS,
  type AuditAction,
  type AuditEntry,
  type AuditEvent,
  type AuditReport,
  audit,
  listAudit,
  verifyAudit,
} from "./audit.ts";
export { auditOffline, commitOffline, lookInto } from "./audit-files.ts";
export { type CheckReport, checkStore } from "./check.ts";
export type { Finding } from "./check-report.ts";
export type { WriteContext } from "./context.ts";
export { diskRoom } from "./disk-budget.ts";
export { type DocFilter, docFilter, passes } from "./doc-filter.ts";
export {
  countEdges,
  dropEdge,
  dropEdgesOf,
  type EdgeRow,
  edgesBetween,
  edgesOf,
  fadedEdges,
  findEdge,
  putEdge,
} from "./edges.ts";
export { type Evidence, EvidenceReader } from "./evidence.ts";
export { Damage, isCorrupt, sqliteFault } from "./faults.ts";
export { type IdempotencyKey, keepAnswer, recallAnswer } from "./idem.ts";
export { insertAtom } from "./insert.ts";
export { type Keyring, keyringOf } from "./keyring.ts";
export { createKey, listKeys, revokeKey } from "./keys.ts";
export { isSuperseded, trustOf } from "./links.ts";
export { dropState, readState, writeState } from "./memory-state.ts";
export { readControl, writeControl } from "./meta.ts";
export {
  type OfflineOptions,
  reindexStore,
  rekeyStore,
  rollbackStore,
} from "./offline.ts";
export { type DirectoryLock, lockDirectory } from "./open.ts";
export { setPolicy } from "./policies.ts";
export { type DocRow, hasAll, type ReplayPage, StoreReader } from "./reader.ts";
export { forgetAtom, forgetSubject, isForgotten } from "./remove.ts";
export { type RepairReport, repairStore } from "./repair.ts";
export { manageWorld } from "./retention.ts";
export { ATOM_SELECT, type AtomRow, atomOf, findAtom, linksOf, verified } from "./rows.ts";
export { DOC, FAMILY, type Migration, WORLD_STATES } from "./schema.ts";
export {
  adoptStore,
  foldStore,
  requireWholePages,
  type StoreFacts,
  snapshotBytes,
  snapshotStore,
  storeFacts,
} from "./snapshot.ts";
export { storeSchema, storeStats } from "./stats.ts";
export {
  countSubjects,
  findSubject,
  headOf,
  listSubjects,
  putSubject,
  type SubjectChange,
  type SubjectRow,
  type SubjectVersion,
  versionsOf,
} from "./subjects.ts";
export { hash52 } from "./sums.ts";
export { settleSwap, swapDatabase } from "./swap.ts";
export { token } from "./terms.ts";
export {
  isBehind,
  newestSpace,
  spaceId,
  type Unembedded,
  unembedded,
  type VectorMaker,
} from "./vector-rows.ts";
export { allWorlds, type WorldRow } from "./worlds.ts";
export { StoreWriter } from "./writer.ts";
export type { Job, Outcome, WriterOptions, WriterStatus } from "./writer-types.ts";
