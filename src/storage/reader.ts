import type { Database } from "bun:sqlite";
import type { AtomFilter } from "../atom/mod.ts";
import { decodeUtf8, idToBytes, type Layout, LIMITS, layout } from "../base/mod.ts";
import { type DocFilter, docFilter, PASSING, passes, passingValues } from "./doc-filter.ts";
import { Damage, isCorrupt, unlessCorrupt } from "./faults.ts";
import { keyringOf } from "./keyring.ts";
import { readMeta } from "./meta.ts";
import { openForRead } from "./open.ts";
import { type AtomRow, findAtom, listOf, selectAtom, verified } from "./rows.ts";
import { STATE } from "./schema.ts";
import { DAMAGED as TEXT_DAMAGED } from "./text-index.ts";
import { TextTail } from "./text-tail.ts";
import { storedTokens, type Vault, vaultOf } from "./vault.ts";
import { openVector } from "./vector-rows.ts";
import { allWorlds, type WorldRow, worldById, worldByName } from "./worlds.ts";

/** The thin facts about an atom, in order of `doc`. */
export interface DocRow {
  seq: number;
  thread: number;
  pos: number;
  /** Sequences of the neighbours in the thread, 0 = none. */
  prev: number;
  next: number;
  ts_ms: number;
  len: number;
  bits: number;
  kind: number;
  importance: number;
  worker: number;
}

const DOC_SELECT = "seq, thread, pos, prev, next, ts_ms, len, bits, kind, importance, worker";

export interface ReplayPage {
  atoms: Uint8Array[];
  /** Sequence after which the next page begins; undefined on the last page. */
  next: number | undefined;
}

type Encode = (row: AtomRow) => Uint8Array;

/** A read-only connection: snapshots, look-ups, postings. For the recall threads and for offline commands. */
export class StoreReader {
  readonly db: Database;
  readonly place: Layout;
  /** The text index could not be read somewhere: words may be missed. */
  textDamaged = false;
  private readonly damage = new Set<string>();
  private readonly tail: TextTail;
  private readonly vault: Vault | undefined;

  /** @throws Fault see `openForRead` */
  constructor(dataDir: string, cacheKb?: number, keyring = keyringOf(process.env)) {
    this.place = layout(dataDir);
    this.db = openForRead(this.place, cacheKb, keyring);
    this.vault = vaultOf(this.db);
    this.tail = new TextTail(this.db);
  }

  /** Sentences on what was found damaged and passed over since the last call. */
  takeDamage(): string[] {
    const found = [...this.damage];
    this.damage.clear();
    return found;
  }

  /** The atom when it is sound; what is not is noted too, since the caller may pass over it. @throws Damage */
  private sound(row: AtomRow): AtomRow {
    try {
      return verified(row);
    } catch (cause) {
      this.note((cause as Error).message);
      throw cause;
    }
  }

  private note(sentence: string): void {
    if (this.damage.size < LIMITS.damageNotes) this.damage.add(sentence);
  }

  /** What the text index says; where it is damaged the tail alone speaks, and `textDamaged` is set. */
  private folded<T>(ask: () => T, nothing: T): T {
    return unlessCorrupt(ask, () => {
      this.textDamaged = true;
      this.note(TEXT_DAMAGED);
      return nothing;
    });
  }

  /** An atom on a page that is not in order is damaged as one is that does not fit its checksum. @throws Damage */
  private onPage(ask: () => AtomRow | undefined, which: string): AtomRow | undefined {
    return unlessCorrupt(ask, (cause) => {
      const advice = 'run "dwbase storage check --deep" on the data directory';
      const damage = new Damage(`the page of atom ${which} is damaged on disk; ${advice}`, { cause });
      this.note(damage.message);
      throw damage;
    });
  }

  /** Whether the store is encrypted: what is read from it must not be written elsewhere. */
  get encrypted(): boolean {
    return this.vault !== undefined;
  }

  /** Opens the bytes of a row of `vec` in a space; empty when they are damaged. */
  vectorOpener(space: number): ((seq: number, q: Uint8Array) => Uint8Array) | undefined {
    const { vault } = this;
    return vault && ((seq, q) => openVector(vault, space, seq, q));
  }

  /** Runs `work` on one snapshot of the database. */
  snapshot<T>(work: () => T): T {
    this.db.run("BEGIN");
    try {
      this.tail.refresh();
      return work();
    } finally {
      this.endSnapshot();
    }
  }

  private endSnapshot(): void {
    try {
      this.db.run("COMMIT");
    } catch (cause) {
      // a text index that was found damaged says so once more; nothing was written
      if (!isCorrupt(cause)) throw cause;
      if (this.db.inTransaction) this.db.run("ROLLBACK");
    }
  }

  /** Gives memory of the page cache back. */
  shed(): void {
    this.db.run("PRAGMA shrink_memory");
  }

  world(name: string): WorldRow | undefined {
    return worldByName(this.db, name);
  }

  /** A world that is not being deleted. */
  liveWorld(name: string): WorldRow | undefined {
    const world = this.world(name);
    return world?.state === STATE.deleting ? undefined : world;
  }

  nodeId(): string {
    return decodeUtf8(readMeta(this.db, "node_id") ?? new Uint8Array()) ?? "";
  }

  worldOf(id: number): WorldRow | undefined {
    return worldById(this.db, id);
  }

  /** Worlds that exist for users: the vanishing ones are left out. */
  *worlds(): Generator<WorldRow> {
    for (const world of allWorlds(this.db)) if (world.state !== STATE.deleting) yield world;
  }

  /** @throws Fault storage_error when the row is damaged */
  atomById(id: string): AtomRow | undefined {
    return this.onPage(() => findAtom(this.db, id), id);
  }

  isForgotten(id: string): boolean {
    return this.db.query("SELECT 1 FROM tombstone WHERE id = ?").get(idToBytes(id)) !== null;
  }

  atomBySeq(seq: number): AtomRow | undefined {
    const row = this.onPage(() => selectAtom(this.db, seq), `with sequence ${seq}`);
    return row && this.sound(row);
  }

  doc(world: number, seq: number): DocRow | undefined {
    return (
      this.db
        .query<DocRow, [number, number]>(`SELECT ${DOC_SELECT} FROM doc WHERE world = ? AND seq = ?`)
        .get(world, seq) ?? undefined
    );
  }

  /** Thin rows of the given atoms of a world; those that are not there are left out. */
  docsOf(world: number, seqs: readonly number[]): DocRow[] {
    return this.db
      .query<DocRow, [number, string]>(
        `SELECT ${DOC_SELECT} FROM doc WHERE world = ? AND seq IN (SELECT value FROM json_each(?))`,
      )
      .all(world, JSON.stringify(seqs));
  }

  /**
   * The best thin rows of a world by importance + share / (1 + age / halfMs), best first, of equals the newer in the
   * log. @param by.newest time from which age counts; by.hidden DOC bits that keep a row out
   */
  bestDocs(
    world: number,
    by: { newest: number; share: number; halfMs: number; hidden: number },
    limit: number,
  ): DocRow[] {
    return this.db
      .query<DocRow, [number, number, number, number, number, number]>(
        `SELECT ${DOC_SELECT} FROM doc WHERE world = ? AND (bits & ?) = 0
         ORDER BY importance + ? / (1 + max(0, ? - ts_ms) / ?) DESC, seq DESC LIMIT ?`,
      )
      .all(world, by.hidden, by.share, by.newest, by.halfMs, limit);
  }

  /** Thin rows of a world in log order, from after a sequence. */
  docs(world: number, after = 0): IterableIterator<DocRow> {
    return this.db
      .query<DocRow, [number, number]>(
        `SELECT ${DOC_SELECT} FROM doc WHERE world = ? AND seq > ? ORDER BY seq`,
      )
      .iterate(world, after);
  }

  /** Thin rows of a world, newest in the log first. */
  docsBackwards(world: number): IterableIterator<DocRow> {
    return this.db
      .query<DocRow, [number]>(`SELECT ${DOC_SELECT} FROM doc WHERE world = ? ORDER BY seq DESC`)
      .iterate(world);
  }

  /** A token as the text index has it. */
  private stored(term: string): string {
    return storedTokens(this.vault, term);
  }

  /** In how many atoms a token stands. */
  documentFrequency(term: string): number {
    const query = this.db.query<{ doc: number }, [string]>("SELECT doc FROM text_v1_row WHERE term = ?");
    const row = this.folded(() => query.get(this.stored(term)), null);
    return (row?.doc ?? 0) + this.tail.postings(term).length;
  }

  /** Atoms that hold a token, with how often, by sequence; `after` skips older ones. */
  postings(term: string, after = 0): [seq: number, count: number][] {
    // one JSON array costs half of what a row each does
    const query = this.db.query(
      "SELECT json_group_array(doc) FROM text_v1_instance WHERE term = ? AND doc > ?",
    );
    const [[json]] = this.folded(() => query.values(this.stored(term), after), [["[]"]]) as [[string]];
    const found: [seq: number, count: number][] = [];
    for (const seq of JSON.parse(json) as number[]) {
      const last = found.at(-1);
      if (last?.[0] === seq) last[1] += 1;
      else found.push([seq, 1]);
    }
    for (const tail of this.tail.postings(term)) if (tail[0] > after) found.push(tail);
    return found;
  }

  /**
   * Atoms that hold every token of `every` and, unless it is empty, one of `any`: newest in the log first, at most
   * `limit`, of those before a sequence. Only where, not how often: an order of magnitude cheaper than `postings`.
   */
  holders(
    every: readonly string[],
    any: readonly string[],
    limit: number,
    before = Number.MAX_SAFE_INTEGER,
  ): number[] {
    const quoted = (terms: readonly string[]): string[] => terms.map((term) => `"${this.stored(term)}"`);
    const all = [...quoted(every), ...(any.length > 0 ? [`(${quoted(any).join(" OR ")})`] : [])];
    const tail = this.tail.holders(every, any).filter((seq) => seq < before);
    if (tail.length >= limit) return tail.slice(0, limit);
    const query = this.db.query(
      "SELECT rowid FROM text_v1 WHERE text_v1 MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?",
    );
    const match = all.join(" AND ");
    const folded = this.folded(() => query.values(match, before, limit - tail.length), []) as [number][];
    return tail.concat(folded.map(([seq]) => seq));
  }

  /** Those of some atoms that hold a token. */
  among(term: string, seqs: readonly number[]): Set<number> {
    // the + keeps SQLite from opening the index anew for each sequence
    const query = this.db.query(
      "SELECT rowid FROM text_v1 WHERE text_v1 MATCH ? AND +rowid IN (SELECT value FROM json_each(?))",
    );
    const match = `"${this.stored(term)}"`;
    const folded = this.folded(() => query.values(match, JSON.stringify(seqs)), []) as [number][];
    const tail = new Set(this.tail.postings(term).map(([seq]) => seq));
    return new Set([...folded.map(([seq]) => seq), ...seqs.filter((seq) => tail.has(seq))]);
  }

  /**
   * Sequences of all atoms of a world that pass a filter; undefined when they, or those that hold its
   * labels and flags, are more than `limit`.
   * @param hidden DOC bits that keep a row out, beside those of the filter
   */
  passing(world: number, filter: DocFilter, hidden: number, limit: number): number[] | undefined {
    const { tokens } = filter;
    const held = tokens.length > 0 ? this.holders(tokens, [], limit + 1) : undefined;
    if (held && held.length > limit) return undefined;
    const among = held ? "seq IN (SELECT value FROM json_each(?)) AND" : "";
    const query = this.db.query(
      `SELECT json_group_array(seq) FROM (SELECT seq FROM doc WHERE ${among} ${PASSING} LIMIT ?)`,
    );
    const bound = [
      ...(held ? [JSON.stringify(held)] : []),
      ...passingValues(world, filter, hidden),
      limit + 1,
    ];
    const [[json]] = query.values(...bound) as [[string]];
    const passed: number[] = JSON.parse(json);
    return passed.length > limit ? undefined : passed;
  }

  /**
   * A page of a world's log, oldest first, each atom as `encode` gives it. A page ends at `limit` atoms, LIMITS.replayBytes, or after
   * LIMITS.replayScanRows thin rows, so that a rare filter over a long log stays bounded.
   */
  replay(world: WorldRow, filter: AtomFilter, after: number, limit: number, encode: Encode): ReplayPage {
    const judge = docFilter(world.id, filter);
    const atoms: Uint8Array[] = [];
    let bytes = 0;
    let scanned = 0;
    let last = after;
    for (const doc of this.docs(world.id, after)) {
      if (atoms.length >= limit || scanned >= LIMITS.replayScanRows) return { atoms, next: last };
      scanned += 1;
      const row = passes(doc, judge) ? this.atomBySeq(doc.seq) : undefined;
      if (row && hasAll(row, filter)) {
        const atom = encode(row);
        bytes += atom.length + 1;
        if (atoms.length > 0 && bytes > LIMITS.replayBytes) return { atoms, next: last };
        atoms.push(atom);
      }
      last = doc.seq;
    }
    return { atoms, next: undefined };
  }

  close(): void {
    this.db.close();
  }
}

/** Exact test of the conditions that thin rows hold only as hashes or not at all. */
export function hasAll(row: AtomRow, filter: AtomFilter): boolean {
  const labels = filter.labels?.length ? listOf(row.labels) : [];
  const flags = filter.flags?.length ? listOf(row.flags) : [];
  return (
    (filter.labels ?? []).every((label) => labels.includes(label)) &&
    (filter.flags ?? []).every((flag) => flags.includes(flag)) &&
    (!filter.workers || filter.workers.includes(row.worker))
  );
}
