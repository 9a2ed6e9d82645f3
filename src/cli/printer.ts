import { stripVTControlCharacters, styleText } from "node:util";
import type { Io } from "./io.ts";

type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Longest cell of a table; a cell of the last column, often a path, is shown whole. */
const CELL_COLUMNS = 60;
const GAP = "  ";

/**
 * The one way out: results on stdout, all else on stderr. A terminal gets tables and colours, a pipe plain lines,
 * `--json` one document.
 */
export class Printer {
  constructor(
    private readonly io: Io,
    readonly json: boolean,
  ) {}

  /** Whether stdout shows tables and colours. */
  get fancy(): boolean {
    return this.io.tty.out && !this.json;
  }

  /** Whether stderr shows bars: on a terminal that can take a line back. */
  private get bars(): boolean {
    return this.io.tty.err && !this.json && this.io.env.TERM !== "dumb";
  }

  get columns(): number {
    return this.io.columns;
  }

  /** Colours for a terminal, unless NO_COLOR says no. */
  style(style: Style, text: string): string {
    const colours = this.fancy && (this.io.env.NO_COLOR ?? "") === "" && this.io.env.TERM !== "dumb";
    return colours ? styleText(style, text, { validateStream: false }) : text;
  }

  line(text: string): void {
    this.io.out(`${text}\n`);
  }

  raw(bytes: string | Uint8Array): void {
    this.io.out(bytes);
  }

  document(value: unknown): void {
    this.io.out(`${JSON.stringify(value, null, this.io.tty.out ? 2 : undefined)}\n`);
  }

  /** A message for people; never on stdout. */
  note(text: string): void {
    this.io.err(`${text}\n`);
  }

  /** Rows under headers on a terminal; tab-separated cells without headers in a pipe. */
  table(headers: readonly string[], rows: readonly (readonly string[])[]): void {
    if (!this.fancy) {
      for (const row of rows) this.line(row.map(oneLine).join("\t"));
      return;
    }
    const last = headers.length - 1;
    const cells = rows.map((row) =>
      row.map((cell, i) => (i === last ? oneLine(cell) : cut(oneLine(cell), CELL_COLUMNS))),
    );
    const widths = headers.map((header, i) =>
      Math.max(Bun.stringWidth(header), ...cells.map((row) => Bun.stringWidth(row[i] ?? ""))),
    );
    const aligned = (row: readonly string[]) =>
      row
        .map((cell, i) => cell + " ".repeat(Math.max(0, widths[i]! - Bun.stringWidth(cell))))
        .join(GAP)
        .trimEnd();
    this.line(this.style("bold", aligned(headers)));
    for (const row of cells) this.line(aligned(row));
  }

  /** `name: value` lines, the names aligned on a terminal. */
  fields(rows: readonly (readonly [string, string])[]): void {
    const width = Math.max(...rows.map(([name]) => name.length));
    for (const [name, value] of rows) {
      if (this.fancy) this.line(`${this.style("bold", name.padEnd(width))}${GAP}${printable(value)}`);
      else this.line(`${name}: ${oneLine(value)}`);
    }
  }

  /** Draws a progress bar on stderr's terminal; call `clear` at the end. */
  progress(done: number, total: number | undefined, label: string): void {
    if (!this.bars) return;
    const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
    const filled = Math.round((share ?? 0) * 24);
    const bar =
      share === undefined
        ? ""
        : `[${"#".repeat(filled)}${"-".repeat(24 - filled)}] ${Math.floor(share * 100)} % `;
    this.io.err(`\r\x1b[K${bar}${label}`);
  }

  clear(): void {
    if (this.bars) this.io.err("\r\x1b[K");
  }
}

/** Remembered text must not steer the terminal. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}

/** Text on one line: a cell, or a record of a pipe. */
export function oneLine(text: string): string {
  return printable(text).replace(/\s+/g, " ").trim();
}

/** At most `columns` wide, with an ellipsis where something was cut. */
export function cut(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  let kept = "";
  let width = 1;
  for (const char of text) {
    width += Bun.stringWidth(char);
    if (width > columns) break;
    kept += char;
  }
  return `${kept}…`;
}
