import type { Database } from "bun:sqlite";
import { LIMITS } from "../base/mod.ts";
import { Damage } from "./faults.ts";
import { readNumber, writeNumber } from "./meta.ts";
import { type AtomRow, selectAtoms } from "./rows.ts";
import { DOC } from "./schema.ts";
import { indexedText } from "./terms.ts";
import { storedTokens, type Vault, vaultOf } from "./vault.ts";

export const COVERED = "text_seq";

export const DAMAGED = 'the text index is damaged; stop the node and run "dwbase storage reindex"';

/** The highest sequence that the FTS5 table covers; atoms beyond it are the tail, at most LIMITS.textTail after a commit. */
export function coveredSeq(db: Database): number {
  return readNumber(db, COVERED);
}

const IN_TAIL = `JOIN doc ON doc.world = atom.world AND doc.seq = atom.seq
  WHERE atom.seq > ? AND (doc.bits & ${DOC.old}) = 0 ORDER BY atom.seq`;

/** Sequences of the tail's atoms, ascending. */
export function tailSeqs(db: Database, after: number): number[] {
  return (db.query(`SELECT atom.seq FROM atom ${IN_TAIL}`).values(after) as [number][]).map(([seq]) => seq);
}

/**
 * Atoms of the tail that belong in the text index, with their tokens. A damaged one is left out, so that it does not
 * keep the store from opening: reading it by id says that it is damaged, and so does the check.
 */
export function tailAtoms(db: Database, after: number): { row: AtomRow; tokens: string }[] {
  return selectAtoms(db, IN_TAIL, after)
    .filter((row) => row.sound)
    .map((row) => ({ row, tokens: tokensOf(row) }));
}

export function tokensOf(row: AtomRow): string {
  return indexedText(row).tokens;
}

/**
 * The writer's side of the text index. A commit of a few atoms leaves them in the tail, which readers search from
 * memory; every LIMITS.textTail atoms the tail is folded into FTS5 in the running transaction. A single remember so
 * writes half the pages it would with an FTS5 segment of its own.
 */
export class TextIndex {
  private tail = new Map<number, string>();
  private covered: number;
  /** Folding was begun and did not come to its end. */
  folding = false;
  private readonly vault: Vault | undefined;

  constructor(private readonly db: Database) {
    this.vault = vaultOf(db);
    this.covered = coveredSeq(db);
    this.load();
  }

  add(seq: number, tokens: string): void {
    this.tail.set(seq, tokens);
  }

  /** @param tokens the very tokens that were added: FTS5's 'delete' needs them again */
  remove(seq: number, tokens: string): void {
    if (this.tail.delete(seq) || seq > this.covered) return;
    this.db
      .query("INSERT INTO text_v1(text_v1, rowid, t) VALUES('delete', ?, ?)")
      .run(seq, storedTokens(this.vault, tokens));
  }

  /** Sequences of the atoms that hold a token, newest first. */
  *holders(term: string): Generator<number> {
    for (const [seq, tokens] of [...this.tail].reverse()) {
      if (tokens.includes(term) && tokens.split(" ").includes(term)) yield seq;
    }
    const rows = this.db
      .query("SELECT DISTINCT doc FROM text_v1_instance WHERE term = ? ORDER BY doc DESC")
      .values(storedTokens(this.vault, term)) as [number][];
    for (const [seq] of rows) yield seq;
  }

  /** Before a commit: folds the tail into FTS5 when it has grown enough. @param head the highest sequence given */
  fold(head: number): void {
    if (this.tail.size < LIMITS.textTail) return;
    this.folding = true;
    const insert = this.db.query("INSERT INTO text_v1(rowid, t) VALUES(?, ?)");
    for (const [seq, tokens] of this.tail) insert.run(seq, storedTokens(this.vault, tokens));
    // otherwise FTS5 would write at the commit, and a page of it that is not in order would look like any other
    this.db.run("INSERT INTO text_v1(text_v1) VALUES('flush')");
    writeNumber(this.db, COVERED, head);
    this.tail.clear();
    this.covered = head;
    this.folding = false;
  }

  /** Before a commit over a damaged index: what is new stays in the tail. @throws Damage when that is full */
  keep(): void {
    if (this.tail.size >= LIMITS.textTailDamaged) throw new Damage(DAMAGED);
  }

  /** After a rollback. */
  reset(): void {
    this.covered = coveredSeq(this.db);
    this.load();
  }

  private load(): void {
    this.tail = new Map(tailAtoms(this.db, this.covered).map(({ row, tokens }) => [row.seq, tokens]));
  }
}
