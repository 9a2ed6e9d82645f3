import type { Database } from "bun:sqlite";
import { createHash } from "node:crypto";
import { decodeUtf8, encodeUtf8, LIMITS } from "../base/mod.ts";
import type { WriteContext } from "./context.ts";
import { readMeta, writeMeta } from "./meta.ts";
import { TruthTable } from "./truth-table.ts";

/**
 * The audit log: who used power over the node, when, and to what. Entries are numbered from 1 without gaps, and each
 * holds the SHA-256 of the hash before it and its own content, so that a change, a removal or another order breaks the
 * chain. The newest entry's number and hash stand in `meta` too, so that a cut end is seen; so do those of the newest
 * entry that was dropped to keep the log within LIMITS.auditEntries.
 */

export const AUDIT_ACTIONS = [
  ...["key.create", "key.revoke", "consolidate"],
  ...["panic", "recover", "flag", "circuit"],
  ...["policy", "world", "forget", "export", "restore"],
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** What happened. None of it may hold remembered text, a question, or a key. */
export interface AuditEvent {
  action: AuditAction;
  /** Name of the key that did it, "anonymous", or "node" for what the node does of itself. */
  actor: string;
  /** To what: an id, or the name of a world, flag, key or file. */
  target: string;
  /** How, in a few words; cut at LIMITS.auditDetailChars. */
  detail?: string;
}

export interface AuditEntry extends Required<AuditEvent> {
  n: number;
  at_ms: number;
  hash: Uint8Array;
}

export const AUDIT = new TruthTable<AuditEntry>("audit", {
  columns: ["n", "at_ms", "action", "actor", "target", "detail", "hash"],
  key: ["n"],
});

/** An end of the chain: an entry's number and hash. */
interface Anchor {
  n: number;
  hash: Uint8Array;
}

/** Before the first entry. */
const ORIGIN: Anchor = { n: 0, hash: new Uint8Array(32) };
const HEAD = "audit_head";
const START = "audit_start";

function readAnchor(db: Database, key: string): Anchor {
  const value = readMeta(db, key);
  if (value === undefined) return ORIGIN;
  const { n, hash } = JSON.parse(decodeUtf8(value) ?? "");
  return { n, hash: Uint8Array.fromHex(hash) };
}

function writeAnchor(db: Database, key: string, { n, hash }: Anchor): void {
  writeMeta(db, key, encodeUtf8(JSON.stringify({ n, hash: hash.toHex() })));
}

/** SHA-256 over the hash before and the entry's columns as JSON, in the order of the table. */
function chained(before: Uint8Array, { n, at_ms, action, actor, target, detail }: Omit<AuditEntry, "hash">) {
  const content = JSON.stringify([n, at_ms, action, actor, target, detail]);
  return new Uint8Array(createHash("sha256").update(before).update(content).digest());
}

function text(given: string, chars: number): string {
  return given.slice(0, chars).toWellFormed();
}

/**
 * Appends an entry in the running transaction: it becomes durable with what it speaks of, or not at all. It is taken
 * on a full disk too, since what it speaks of may free space.
 * @throws Fault storage_error when the log's ends in `meta` are damaged
 */
export function audit(ctx: Pick<WriteContext, "db" | "clock">, event: AuditEvent): void {
  const { db } = ctx;
  const head = readAnchor(db, HEAD);
  const entry = {
    n: head.n + 1,
    at_ms: ctx.clock.now(),
    action: event.action,
    actor: text(event.actor, LIMITS.auditNameChars),
    target: text(event.target, LIMITS.auditNameChars),
    detail: text(event.detail ?? "", LIMITS.auditDetailChars),
  };
  const hash = chained(head.hash, entry);
  db.query(AUDIT.put).run(...AUDIT.values(db, { ...entry, hash }));
  writeAnchor(db, HEAD, { n: entry.n, hash });
  dropOldest(db, entry.n);
}

/** At the bound the oldest block goes; the hash that the rest builds on stays. */
function dropOldest(db: Database, newest: number): void {
  const start = readAnchor(db, START);
  if (newest - start.n <= LIMITS.auditEntries) return;
  const last = start.n + LIMITS.auditBlock;
  const row = db.query<{ hash: Uint8Array }, [number]>("SELECT hash FROM audit WHERE n = ?").get(last);
  // a chain that is broken there stays as it is for the eyes of `audit verify`
  if (row === null) return;
  writeAnchor(db, START, { n: last, hash: row.hash });
  db.query("DELETE FROM audit WHERE n <= ?").run(last);
}

function hasAudit(db: Database): boolean {
  return db.query("SELECT 1 FROM sqlite_schema WHERE name = 'audit'").get() !== null;
}

export interface AuditReport {
  clean: boolean;
  /** Entries that are kept. */
  entries: number;
  /** Entries that were dropped at the bound. */
  dropped: number;
  /** Number and hash (hex) of the newest: noted elsewhere, they show a later rewriting of the whole log. */
  head: { n: number; hash: string };
  /** Sentences. */
  findings: string[];
}

/**
 * Walks the chain of a snapshot. Whoever can write the database can also write a new chain; with `expected`, an end
 * that was noted before, such a rewriting is found as well.
 */
export function verifyAudit(db: Database, expected?: { n: number; hash: string }): AuditReport {
  const report: AuditReport = { clean: true, entries: 0, dropped: 0, head: { n: 0, hash: "" }, findings: [] };
  try {
    walk(db, report, expected);
  } catch (cause) {
    report.findings.push(`the log cannot be read: ${(cause as Error).message}`);
  }
  report.clean = report.findings.length === 0;
  return report;
}

function walk(db: Database, report: AuditReport, expected: { n: number; hash: string } | undefined): void {
  const { findings } = report;
  const start = hasAudit(db) ? readAnchor(db, START) : ORIGIN;
  const head = hasAudit(db) ? readAnchor(db, HEAD) : ORIGIN;
  report.dropped = start.n;
  report.head = { n: head.n, hash: head.hash.toHex() };
  let { n, hash } = start;
  let met = expected === undefined || expected.n <= start.n;
  for (const entry of hasAudit(db) ? entriesFrom(db, 0) : []) {
    if (findings.length >= LISTED) break;
    report.entries += 1;
    n += 1;
    if (entry.n !== n) findings.push(`entry ${n} is missing: the next one is ${entry.n}`);
    else if (!Buffer.from(entry.hash).equals(chained(hash, entry)))
      findings.push(`entry ${n} does not fit the entry before it and its own content`);
    ({ n, hash } = entry);
    if (n === expected?.n) met = entry.hash.toHex() === expected.hash;
  }
  if (n !== head.n || !Buffer.from(hash).equals(head.hash))
    findings.push(`the log ends with entry ${n}, but entry ${head.n} was the last one written`);
  if (!met) findings.push(`entry ${expected!.n} is not the one that was noted before: the log was rewritten`);
}

/** Findings beyond this many add nothing. */
const LISTED = 100;

function entriesFrom(db: Database, after: number): Iterable<AuditEntry> {
  return db
    .query<AuditEntry, [number]>(`SELECT ${AUDIT.columns.join(", ")} FROM audit WHERE n > ? ORDER BY n`)
    .iterate(after);
}

/** The newest entries, oldest of them first. */
export function listAudit(db: Database, limit: number): AuditEntry[] {
  if (!hasAudit(db)) return [];
  return db
    .query<AuditEntry, [number]>(`SELECT ${AUDIT.columns.join(", ")} FROM audit ORDER BY n DESC LIMIT ?`)
    .all(limit)
    .reverse();
}
