import type { Database } from "bun:sqlite";
import { addAudit } from "./schema-audit.ts";
import { addKeys } from "./schema-keys.ts";
import { addMemory } from "./schema-memory.ts";

/** "dwbs": marks a file as ours. */
export const APPLICATION_ID = 0x64776273;

/**
 * Truth tables first, rebuildable ones after. Every truth row ends with `sum`, a checksum over the columns before it
 * (see sums.ts). The reasons are in DESIGN.md.
 */
const V1 = `
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL, sum BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE world(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state INTEGER NOT NULL,
  atoms INTEGER NOT NULL, docs INTEGER NOT NULL, tokens INTEGER NOT NULL, bytes INTEGER NOT NULL,
  quarantined INTEGER NOT NULL,
  last_seq INTEGER NOT NULL, newest_ms INTEGER NOT NULL, forget_epoch INTEGER NOT NULL,
  loose_seq INTEGER NOT NULL, loose_thread INTEGER NOT NULL, loose_pos INTEGER NOT NULL, loose_ms INTEGER NOT NULL,
  created_ms INTEGER NOT NULL, description TEXT NOT NULL, labels TEXT NOT NULL, sum BLOB NOT NULL);

CREATE TABLE atom(
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, origin INTEGER NOT NULL, origin_seq INTEGER,
  world INTEGER NOT NULL, worker TEXT NOT NULL, kind INTEGER NOT NULL, ts_ms INTEGER NOT NULL,
  recorded_ms INTEGER NOT NULL, importance REAL NOT NULL, family INTEGER NOT NULL, subject BLOB,
  version INTEGER NOT NULL, flags TEXT, payload TEXT NOT NULL, labels TEXT, links TEXT, vector BLOB,
  key_id TEXT, sent BLOB, sum BLOB NOT NULL);

CREATE TABLE subject(
  id BLOB PRIMARY KEY, world INTEGER NOT NULL, family INTEGER NOT NULL, head_seq INTEGER NOT NULL,
  version INTEGER NOT NULL, stability REAL NOT NULL, accesses INTEGER NOT NULL, accessed_ms INTEGER NOT NULL,
  sum BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE link(
  target TEXT NOT NULL, kind INTEGER NOT NULL, seq INTEGER NOT NULL, sum BLOB NOT NULL,
  PRIMARY KEY(target, kind, seq)) WITHOUT ROWID;

CREATE TABLE tombstone(
  id BLOB PRIMARY KEY, seq INTEGER NOT NULL, world INTEGER NOT NULL, at_ms INTEGER NOT NULL, key TEXT NOT NULL,
  sum BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE policy(
  id BLOB PRIMARY KEY, world TEXT NOT NULL UNIQUE, retention_days REAL, min_importance REAL, max_bytes INTEGER,
  replication_allow TEXT, replication_deny TEXT, at_ms INTEGER NOT NULL, sum BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE trust(
  world INTEGER NOT NULL, worker TEXT NOT NULL, voter TEXT NOT NULL, vote INTEGER NOT NULL, sum BLOB NOT NULL,
  PRIMARY KEY(world, worker, voter, vote)) WITHOUT ROWID;

CREATE TABLE idem(
  scope BLOB PRIMARY KEY, at_ms INTEGER NOT NULL, digest BLOB NOT NULL, answer TEXT NOT NULL, sum BLOB NOT NULL)
  WITHOUT ROWID;
CREATE INDEX idem_at ON idem(at_ms);

CREATE TABLE doc(
  world INTEGER NOT NULL, seq INTEGER NOT NULL, thread INTEGER NOT NULL, pos INTEGER NOT NULL,
  prev INTEGER NOT NULL, next INTEGER NOT NULL, ts_ms INTEGER NOT NULL, len INTEGER NOT NULL,
  bits INTEGER NOT NULL, kind INTEGER NOT NULL, importance REAL NOT NULL, worker INTEGER NOT NULL,
  PRIMARY KEY(world, seq)) WITHOUT ROWID;

CREATE TABLE space(
  id INTEGER PRIMARY KEY, model TEXT NOT NULL, dimension INTEGER NOT NULL, version INTEGER NOT NULL,
  UNIQUE(model, dimension, version));
CREATE TABLE vec(
  space INTEGER NOT NULL, world INTEGER NOT NULL, seq INTEGER NOT NULL, q BLOB NOT NULL,
  PRIMARY KEY(space, world, seq)) WITHOUT ROWID;

CREATE VIRTUAL TABLE text_v1 USING fts5(t, content='', columnsize=0, tokenize="ascii tokenchars '_'");
INSERT INTO text_v1(text_v1, rank) VALUES('secure-delete', 1);
INSERT INTO text_v1(text_v1, rank) VALUES('pgsz', 2000);
CREATE VIRTUAL TABLE text_v1_row USING fts5vocab(text_v1, 'row');
CREATE VIRTUAL TABLE text_v1_instance USING fts5vocab(text_v1, 'instance');
`;

export interface Migration {
  version: number;
  up(db: Database): void;
}

/** Numbered and forward-only; each runs in one transaction of its own. */
export const MIGRATIONS: readonly Migration[] = [
  { version: 1, up: (db) => db.exec(V1) },
  { version: 2, up: addMemory },
  { version: 3, up: addAudit },
  { version: 4, up: addKeys },
];

/** Bits of `doc.bits` above those of the text room's features (which stay below 1 << 8). */
export const DOC = {
  /** Kept out of answers unless asked for. */
  quarantined: 1 << 8,
  /** Another atom of the world supersedes it by a link. */
  superseded: 1 << 9,
  /** Not the head version of its subject: readable by id and replay, not in text index or statistics. */
  old: 1 << 10,
  /** Labelled `pin`: exempt from retention. */
  pinned: 1 << 11,
  /** Another atom of the world references, confirms or contradicts it: exempt from retention. */
  held: 1 << 12,
  /** Accepted while the node's own clock was not to be believed: its age is not known. */
  unsure: 1 << 13,
} as const;

export const WORLD_STATES = ["active", "archived", "deleting"] as const;
export type WorldState = (typeof WORLD_STATES)[number];
/** Values of `world.state`: positions in WORLD_STATES. */
export const STATE = { active: 0, archived: 1, deleting: 2 } as const;

/** What an atom belongs to; the atom family's own atoms have none. */
export const FAMILY = { atom: 0, episode: 1, entity: 2, skill: 3 } as const;
