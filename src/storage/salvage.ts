import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { bytesToId, type Layout } from "../base/mod.ts";
import { type Keyring, readKeyRecord, vaultOfKey } from "./keyring.ts";
import { META, sentKeyOf } from "./meta.ts";
import { type Cell, PageFile, type PageVersion } from "./page-file.ts";
import { TOMBSTONE } from "./remove.ts";
import { ATOM, type AtomRow } from "./rows.ts";
import type { Stored, TruthTable } from "./truth-table.ts";
import { TRUTH_TABLES } from "./truth-tables.ts";
import { attachVault } from "./vault.ts";
import { WORLD, type WorldRow } from "./worlds.ts";

/** An atom that is known to have been there and cannot be read. */
export interface Lost {
  seq: number;
  /** Number of its world, where that can be read. */
  world: number | undefined;
}

/** Where a sound atom lies: a content of a page and a byte on it. */
interface Spot {
  page: number;
  back: number;
  at: number;
}

/** Columns of `doc` with what stands first: world and sequence. */
const DOC_COLUMNS = 12;

/**
 * What can be read of a damaged database, page by page. A row counts when it fits its checksum, whatever became of the
 * tree that held it; where the newest content of a page is damaged, those before it in the write-ahead log are looked
 * at too. Only sequences and places of atoms are kept in memory.
 */
export class Salvage {
  /** Rows by table and key, opened. */
  readonly tables = new Map<string, Map<string, Stored>>();
  readonly lost = new Map<number, Lost>();
  readonly sentKey: Uint8Array | undefined;
  /** Pages with an atom that does not fit its checksum. */
  private readonly suspects = new Set<number>();
  /** Id of the key that the store is encrypted by. */
  keyId: string | undefined;
  private readonly spots = new Map<number, Spot>();
  /** Atoms of a log that a start could not read whole, under the sequences that they get. */
  private readonly late = new Map<number, AtomRow>();
  private readonly file: PageFile;
  /** Stands for the damaged database where a connection is asked for. */
  private readonly handle = new Database(":memory:");

  /** @throws Fault forbidden when the store's key is missing or wrong */
  constructor(place: Layout, keyring: Keyring) {
    this.file = new PageFile(place.database, place.wal);
    this.eachCell((cell) => this.enter(META, cell));
    this.unlock(place, keyring);
    this.sentKey = sentKeyOf(this.handle, this.value("sent_key"));
    const odd = this.eachCell((cell, page, back) => this.take(cell, page, back));
    for (const number of odd) this.lookCloser(number);
    if (existsSync(place.damagedWal)) this.takeLog(place);
    this.dropForgotten();
    this.eachCell((cell) => this.noteMissing(cell));
  }

  /** Pages that the device does not give. */
  get unreadable(): ReadonlySet<number> {
    return this.file.unreadable;
  }

  close(): void {
    this.file.close();
    this.handle.close();
  }

  /** Sequences of the atoms that can be read, ascending. */
  get seqs(): number[] {
    return [...this.spots.keys(), ...this.late.keys()].sort((a, b) => a - b);
  }

  atom(seq: number): AtomRow | undefined {
    const late = this.late.get(seq);
    if (late) return late;
    const spot = this.spots.get(seq);
    const page = spot && this.file.page(spot.page, spot.back);
    const cell = page && this.file.cell(page.bytes, spot.at, true);
    const row = cell && this.rowOf(ATOM, cell);
    return row && ({ ...row, sound: true } as unknown as AtomRow);
  }

  rows<Row extends object>(table: TruthTable<Row>): Row[] {
    return [...(this.tables.get(table.name)?.values() ?? [])] as unknown as Row[];
  }

  private value(key: string): Uint8Array | undefined {
    return this.rows(META).find((row) => row.key === key)?.value;
  }

  /** Opens what is sealed: by the key that the store names, or that its atoms name when that is lost. */
  private unlock(place: Layout, keyring: Keyring): void {
    const record = readKeyRecord((key) => this.value(key));
    this.keyId = record.keyId ?? this.keyOfAtoms();
    if (this.keyId === undefined) return;
    attachVault(this.handle, vaultOfKey(keyring, this.keyId, place.database, record.check));
  }

  private keyOfAtoms(): string | undefined {
    const at = ATOM.columns.indexOf("key_id");
    let keyId: string | undefined;
    this.eachCell(({ rowid, values }) => {
      if (rowid === undefined || values.length !== ATOM.columns.length + 1) return;
      const value = values[at];
      if (typeof value === "string") keyId ??= value;
    });
    return keyId;
  }

  /** Every row on the newest contents. @returns pages that do not fit the format */
  private eachCell(look: (cell: Cell, page: PageVersion, back: number) => void): Set<number> {
    const odd = new Set<number>();
    for (let number = 1; number <= this.file.pages; number++) {
      const page = this.file.page(number);
      if (!page) odd.add(number);
      else for (const cell of this.file.cells(page, () => odd.add(number))) look(cell, page, 0);
    }
    for (const number of this.suspects) odd.add(number);
    return odd;
  }

  private take(cell: Cell, page: PageVersion, back: number): boolean {
    if (cell.rowid !== undefined && cell.values.length === ATOM.columns.length + 1) {
      return this.takeAtom(cell, page, back);
    }
    return TRUTH_TABLES.some((table) => table !== META && this.enter(table, cell));
  }

  private takeAtom(cell: Cell, page: PageVersion, back: number): boolean {
    const seq = cell.rowid!;
    if (this.rowOf(ATOM, cell)) {
      if (!this.spots.has(seq)) this.spots.set(seq, { page: page.number, back, at: cell.start });
      this.lost.delete(seq);
      return true;
    }
    this.suspects.add(page.number);
    const world = cell.values[ATOM.columns.indexOf("world")];
    if (!this.spots.has(seq))
      this.lost.set(seq, { seq, world: typeof world === "number" ? world : undefined });
    return false;
  }

  /** Keeps a row of a table. @returns false when the cell is none */
  // biome-ignore lint/suspicious/noExplicitAny: tables have nothing in common
  private enter(table: TruthTable<any>, cell: Cell): boolean {
    const row = this.rowOf(table, cell);
    if (!row) return false;
    const key = table.key.map((column) => {
      const part = row[column];
      return part instanceof Uint8Array ? part.toHex() : part;
    });
    const rows = this.tables.get(table.name) ?? new Map<string, Stored>();
    this.tables.set(table.name, rows);
    const name = JSON.stringify(key);
    if (!rows.has(name)) rows.set(name, row);
    return true;
  }

  /** The opened row of a cell, when it is one of the table and fits its checksum. */
  // biome-ignore lint/suspicious/noExplicitAny: tables have nothing in common
  private rowOf(table: TruthTable<any>, { rowid, values }: Cell): Stored | undefined {
    const { columns } = table;
    if (values.length !== columns.length + 1) return undefined;
    const row: Stored = {};
    columns.forEach((column, i) => {
      row[column] = values[i]!;
    });
    // the key of a table with rowids stands for it
    if (rowid !== undefined && row[columns[0]!] === null) row[columns[0]!] = rowid;
    row.sum = values[columns.length]!;
    return table.tryOpen(this.handle, row) ? row : undefined;
  }

  /** A page that is not in order: its contents before the newest, and atoms that begin at any byte of it. */
  private lookCloser(number: number): void {
    for (let back = 0; back < this.file.versions(number); back++) {
      const page = this.file.page(number, back);
      if (!page) continue;
      const taken: Cell[] = [];
      for (const cell of this.file.cells(page, () => {})) if (this.take(cell, page, back)) taken.push(cell);
      if (back === 0) this.searchBytes(page, taken);
    }
  }

  private searchBytes(page: PageVersion, taken: readonly Cell[]): void {
    for (let at = 0; at < page.bytes.length; at++) {
      // what a sound row holds is content, whatever it looks like
      if (taken.some(({ start, end }) => at >= start && at < end)) continue;
      const cell = this.file.cell(page.bytes, at, true);
      if (cell?.values.length === ATOM.columns.length + 1 && this.rowOf(ATOM, cell))
        this.takeAtom(cell, page, 0);
    }
  }

  /**
   * A log that was kept since a start could not read it whole. The store went on without it, so that its sequences and
   * world numbers may have been given again: atoms are taken by id, and worlds by name. What it forgot is forgotten.
   */
  private takeLog(place: Layout): void {
    const log = new PageFile(place.database, place.damagedWal);
    const atoms = new Map<string, AtomRow>();
    const worlds = new Map<number, WorldRow>();
    for (const page of log.logPages()) {
      for (const cell of log.cells(page, () => {})) {
        const atom = cell.rowid === undefined ? undefined : (this.rowOf(ATOM, cell) as AtomRow | undefined);
        const world =
          cell.rowid === undefined ? undefined : (this.rowOf(WORLD, cell) as WorldRow | undefined);
        if (atom) atoms.set(bytesToId(atom.id), { ...atom, sound: true });
        else if (world && !worlds.has(world.id)) worlds.set(world.id, world);
        else this.enter(TOMBSTONE, cell);
      }
    }
    log.close();
    for (const seq of this.seqs) atoms.delete(bytesToId(this.atom(seq)!.id));
    let next = (this.seqs.at(-1) ?? 0) + 1;
    for (const atom of [...atoms.values()].sort((a, b) => a.seq - b.seq)) {
      const taken = this.spots.has(atom.seq) || this.late.has(atom.seq);
      const seq = taken ? next : atom.seq;
      this.late.set(seq, { ...atom, seq, world: this.worldFor(atom.world, worlds.get(atom.world)) });
      next = Math.max(next, seq + 1);
    }
  }

  /** The world's number here; a world that is not known here is entered. */
  private worldFor(number: number, world: WorldRow | undefined): number {
    if (!world) return number;
    const known = this.rows(WORLD);
    const there = known.find(({ name }) => name === world.name);
    if (there) return there.id;
    const id = known.some((one) => one.id === number) ? Math.max(...known.map((one) => one.id)) + 1 : number;
    const rows = this.tables.get(WORLD.name) ?? new Map<string, Stored>();
    this.tables.set(WORLD.name, rows.set(JSON.stringify([id]), { ...world, id } as unknown as Stored));
    return id;
  }

  /** An older content may hold what was forgotten, or written anew under its id, since. */
  private dropForgotten(): void {
    const older = new Map<string, number>();
    const gone = new Set(this.rows(TOMBSTONE).map(({ id }) => id.toHex()));
    for (const [seq, { id }] of this.late) if (gone.has(id.toHex())) this.late.delete(seq);
    for (const [seq, { back }] of this.spots) {
      const id = this.atom(seq)?.id.toHex() ?? "";
      if (gone.has(id)) this.spots.delete(seq);
      else if (back > 0) older.set(id, seq);
    }
    if (older.size === 0) return;
    for (const seq of this.seqs) {
      const id = this.atom(seq)?.id.toHex() ?? "";
      const before = older.get(id);
      if (before !== undefined && before < seq) this.spots.delete(before);
    }
  }

  /** A thin row whose atom was not found tells that there was one. */
  private noteMissing({ rowid, values }: Cell): void {
    if (rowid !== undefined || values.length !== DOC_COLUMNS) return;
    const [world, seq] = values;
    if (typeof world !== "number" || typeof seq !== "number" || !values.every((v) => typeof v === "number"))
      return;
    if (!this.spots.has(seq) && this.lost.get(seq)?.world === undefined) this.lost.set(seq, { seq, world });
  }
}
