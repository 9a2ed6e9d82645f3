import type { Database } from "bun:sqlite";
import { rowSum } from "./sums.ts";

/**
 * Schema 2: what the memory family needs beside atoms. A subject's row holds all that changes often about an episode,
 * an entity or a skill, so that a change is one small row; edges tie subjects; `memory_state` keeps what is known about
 * a session as a whole. The index on versions leaves the atoms of the atom family out.
 */
const V2 = `
CREATE TABLE subject(
  id BLOB PRIMARY KEY, world INTEGER NOT NULL, family INTEGER NOT NULL, head_seq INTEGER NOT NULL,
  version INTEGER NOT NULL, ts_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, stability REAL NOT NULL,
  difficulty REAL NOT NULL, accesses INTEGER NOT NULL, accessed_ms INTEGER NOT NULL, reviews INTEGER NOT NULL,
  state TEXT NOT NULL, sum BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX subject_list ON subject(world, family, ts_ms);
CREATE INDEX atom_subject ON atom(subject, version) WHERE subject IS NOT NULL;

CREATE TABLE edge(
  world INTEGER NOT NULL, source BLOB NOT NULL, target BLOB NOT NULL, type INTEGER NOT NULL, weight REAL NOT NULL,
  co INTEGER NOT NULL, created_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL, sum BLOB NOT NULL,
  PRIMARY KEY(world, source, target, type)) WITHOUT ROWID;
CREATE INDEX edge_target ON edge(world, target);

CREATE TABLE memory_state(
  world INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, sum BLOB NOT NULL,
  PRIMARY KEY(world, name)) WITHOUT ROWID;
`;

interface OldSubject {
  id: Uint8Array;
  world: number;
  family: number;
  head_seq: number;
  version: number;
  stability: number;
  accesses: number;
  accessed_ms: number;
  ts_ms: number;
}

/** Subjects of schema 1 take the time of their first version; a damaged row keeps its values and gets a sum anew. */
export function addMemory(db: Database): void {
  db.run("ALTER TABLE subject RENAME TO subject_v1");
  db.exec(V2);
  const old = db.query<OldSubject, []>(
    `SELECT id, world, family, head_seq, version, stability, accesses, accessed_ms,
     ifnull((SELECT min(ts_ms) FROM atom WHERE atom.subject = subject_v1.id), 0) AS ts_ms FROM subject_v1`,
  );
  const insert = db.query(`INSERT INTO subject VALUES(${Array(14).fill("?").join(", ")})`);
  for (const row of old.all()) {
    const { id, world, family, head_seq, version, ts_ms, stability, accesses, accessed_ms } = row;
    const columns = [id, world, family, head_seq, version, ts_ms, ts_ms];
    const all = [...columns, stability, 0, accesses, accessed_ms, 0, ""];
    insert.run(...all, rowSum("subject", all));
  }
  db.run("DROP TABLE subject_v1");
}
