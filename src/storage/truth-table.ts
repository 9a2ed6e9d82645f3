import type { Database } from "bun:sqlite";
import { equalBytes } from "../base/mod.ts";
import { Damage } from "./faults.ts";
import { type Column, rowSum } from "./sums.ts";
import { type Vault, vaultOf } from "./vault.ts";

export interface TruthSpec<Row> {
  /** Columns before `sum`, in the order in which the checksum takes them. */
  columns: readonly (keyof Row & string)[];
  /** Columns of the primary key: what a sealed value is bound to. */
  key: readonly (keyof Row & string)[];
  /**
   * Columns that hold what was remembered, texts or bytes: encryption seals them and makes the row's checksum a keyed
   * one. "" stays as it is.
   */
  sealed?: readonly (keyof Row & string)[];
}

/** A row as it lies on disk: sealed columns are bytes. */
export type Stored = Record<string, Column>;

/**
 * A table of the truth: rows with a checksum over the columns before it. One that is declared so and listed in
 * truth-tables.ts is verified on read, looked at by the check, salvaged by repair and sealed by encryption.
 */
export class TruthTable<Row extends object> {
  readonly columns: readonly string[];
  readonly key: readonly string[];
  readonly sealed: readonly string[];
  /** `SELECT <columns>, sum FROM <name>`, to be followed by a condition. */
  readonly select: string;
  /** Enters a row, or puts it in the place of the one with its key; takes what `values` gives. */
  readonly put: string;

  constructor(
    readonly name: string,
    { columns, key, sealed = [] }: TruthSpec<Row>,
  ) {
    this.columns = columns;
    this.key = key;
    this.sealed = sealed;
    this.select = `SELECT ${columns.map((column) => `${name}.${column}`).join(", ")}, ${name}.sum FROM ${name}`;
    const places = columns.map(() => "?").join(", ");
    this.put = `INSERT OR REPLACE INTO ${name}(${columns.join(", ")}, sum) VALUES(${places}, ?)`;
  }

  /** The values of a row to write, in the order of the columns, with the checksum at the end. */
  values(db: Database, row: Row): Column[] {
    const given = row as unknown as Stored;
    const vault = this.vaultOf(db);
    const values: Column[] = [];
    for (const column of this.columns) values.push(given[column]!);
    if (vault) this.sealAll(vault, given, values);
    values.push(rowSum(this.name, values, vault));
    return values;
  }

  /** Whether a stored row fits its checksum. @param columns those of an older schema, when they are fewer */
  holds(db: Database, stored: object, columns = this.columns): boolean {
    const row = stored as Stored;
    const { sum } = row;
    if (!(sum instanceof Uint8Array)) return false;
    const values = columns.map((column) => row[column]!);
    return equalBytes(rowSum(this.name, values, this.vaultOf(db)), sum);
  }

  /** Opens a stored row in place. @returns false when it does not fit its checksum, or a sealed column its key */
  tryOpen(db: Database, stored: object): boolean {
    if (!this.holds(db, stored)) return false;
    const vault = this.vaultOf(db);
    return vault === undefined || this.unseal(vault, stored as Stored);
  }

  /**
   * Opens a stored row in place.
   * @param damaged the sentence for one that is damaged
   * @throws Damage when it is
   */
  open(db: Database, stored: object, damaged?: string): Row {
    if (this.tryOpen(db, stored)) return stored as Row;
    const message = damaged ?? `a record of "${this.name}" is damaged; run "dwbase storage check --deep"`;
    throw new Damage(message, { op: `read ${this.name}` });
  }

  private vaultOf(db: Database): Vault | undefined {
    return this.sealed.length > 0 ? vaultOf(db) : undefined;
  }

  private sealAll(vault: Vault, row: Stored, values: Column[]): void {
    for (const column of this.sealed) {
      const value = row[column]!;
      if (value === null || value === "" || typeof value === "number") continue;
      values[this.columns.indexOf(column)] = vault.seal(value, this.place(vault, row, column));
    }
  }

  private unseal(vault: Vault, row: Stored): boolean {
    for (const column of this.sealed) {
      const value = row[column]!;
      if (value === null || value === "") continue;
      const opened =
        value instanceof Uint8Array ? vault.open(value, this.place(vault, row, column)) : undefined;
      if (opened === undefined) return false;
      row[column] = opened;
    }
    return true;
  }

  /** What a sealed value is bound to, so that none can take another's place. */
  private place(vault: Vault, row: Stored, column: string): string {
    const key = this.key.map((name) => {
      const part = row[name];
      return part instanceof Uint8Array ? part.toHex() : part;
    });
    return vault.place(`${this.name}.${column}`, key);
  }
}
