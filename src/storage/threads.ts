import type { Database } from "bun:sqlite";
import { LIMITS } from "../base/mod.ts";
import { listOf, selectAtom } from "./rows.ts";
import { DOC } from "./schema.ts";
import { token } from "./terms.ts";
import type { TextIndex } from "./text-index.ts";
import type { WorldRow } from "./worlds.ts";

/** Where an atom stands in a thread of conversation. */
export interface Place {
  /** Sequence of the thread's first atom. */
  thread: number;
  /** Number of arrival in the thread, from 0; gaps stay where atoms were removed. */
  pos: number;
  /** Sequence of the neighbour before, 0 = none. */
  prev: number;
}

/** How many open session threads the writer remembers the end of. */
const CACHED = 2048;
/** How many atoms are looked through for the last sessionless one, when a thread of one atom was removed. */
const REWIND = 1000;

interface End {
  seq: number;
  thread: number;
  pos: number;
}

function sessionOf(labels: readonly string[]): string | undefined {
  return labels.find((label) => label.startsWith("session:"));
}

/**
 * Threads are chains through `doc` (prev, next), so that neighbours need no index of their own. The first `session:`
 * label names the thread; without one an atom continues the world's sessionless thread when it is less than
 * LIMITS.threadGapMs from its last atom. A thread closes at LIMITS.threadAtoms.
 */
export class Threads {
  private ends = new Map<string, End>();

  constructor(
    private readonly db: Database,
    private readonly text: TextIndex,
  ) {}

  /** The place of the next atom; the caller writes its row and then calls `append`. */
  place(world: WorldRow, labels: readonly string[], ts: number, seq: number): Place {
    const session = sessionOf(labels);
    const end = session === undefined ? looseEnd(world, ts) : this.sessionEnd(world, session);
    if (end === undefined || end.pos + 1 >= LIMITS.threadAtoms) return { thread: seq, pos: 0, prev: 0 };
    return { thread: end.thread, pos: end.pos + 1, prev: end.seq };
  }

  /** Makes the atom the end of its thread. */
  append(world: WorldRow, labels: readonly string[], ts: number, seq: number, place: Place): void {
    if (place.prev !== 0) this.setNext(world.id, place.prev, seq);
    const session = sessionOf(labels);
    if (session === undefined) {
      world.loose_seq = seq;
      world.loose_thread = place.thread;
      world.loose_pos = place.pos;
      world.loose_ms = ts;
      return;
    }
    if (this.ends.size >= CACHED) this.ends.clear();
    this.ends.set(keyOf(world, session), { seq, thread: place.thread, pos: place.pos });
  }

  /** Takes an atom out of its thread and joins its neighbours. */
  splice(world: WorldRow, seq: number): void {
    const doc = this.db
      .query<{ prev: number; next: number }, [number, number]>(
        "SELECT prev, next FROM doc WHERE world = ? AND seq = ?",
      )
      .get(world.id, seq);
    if (doc === null) return;
    if (doc.prev !== 0) this.setNext(world.id, doc.prev, doc.next);
    if (doc.next !== 0) {
      this.db.query("UPDATE doc SET prev = ? WHERE world = ? AND seq = ?").run(doc.prev, world.id, doc.next);
    }
    this.db.query("UPDATE doc SET prev = 0, next = 0 WHERE world = ? AND seq = ?").run(world.id, seq);
    this.ends.clear();
    if (world.loose_seq === seq) this.rewind(world, doc.prev);
  }

  /** After a rollback. */
  reset(): void {
    this.ends.clear();
  }

  private session(seq: number): string | undefined {
    return sessionOf(listOf(selectAtom(this.db, seq)?.labels ?? null));
  }

  private setNext(world: number, seq: number, next: number): void {
    this.db.query("UPDATE doc SET next = ? WHERE world = ? AND seq = ?").run(next, world, seq);
  }

  /** The world's last sessionless atom is gone; the one before it takes its place. @param prev its neighbour, or 0 */
  private rewind(world: WorldRow, prev: number): void {
    const end = this.lastLoose(world, prev === 0 ? world.loose_seq - 1 : prev);
    world.loose_seq = end?.seq ?? 0;
    if (!end) return;
    world.loose_thread = end.thread;
    world.loose_pos = end.pos;
    world.loose_ms = end.ts_ms;
  }

  /** The newest sessionless atom up to a sequence, not looked for beyond REWIND atoms. */
  private lastLoose(world: WorldRow, upTo: number): (End & { ts_ms: number }) | undefined {
    const rows = this.db.query<End & { ts_ms: number }, [number, number]>(
      `SELECT seq, thread, pos, ts_ms FROM doc
       WHERE world = ? AND seq <= ? AND (bits & ${DOC.old}) = 0 ORDER BY seq DESC LIMIT ${REWIND}`,
    );
    for (const row of rows.iterate(world.id, upTo)) if (!this.session(row.seq)) return row;
    return undefined;
  }

  /** The end of a session's thread that is not remembered: its newest atom by the label's postings. */
  private sessionEnd(world: WorldRow, label: string): End | undefined {
    const known = this.ends.get(keyOf(world, label));
    if (known) return known;
    for (const seq of this.text.holders(token.label(world.id, label))) {
      const row = this.db
        .query<{ thread: number; pos: number }, [number, number]>(
          "SELECT thread, pos FROM doc WHERE world = ? AND seq = ?",
        )
        .get(world.id, seq);
      if (row && this.session(seq) === label) return { seq, thread: row.thread, pos: row.pos };
    }
    return undefined;
  }
}

function keyOf(world: WorldRow, session: string): string {
  return `${world.id}\u0000${session}`;
}

function looseEnd(world: WorldRow, ts: number): End | undefined {
  if (world.loose_seq === 0 || Math.abs(ts - world.loose_ms) >= LIMITS.threadGapMs) return undefined;
  return { seq: world.loose_seq, thread: world.loose_thread, pos: world.loose_pos };
}
