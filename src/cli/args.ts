import { Fault } from "../base/mod.ts";
import { parseDuration } from "./when.ts";

interface Range {
  min?: number;
  max?: number;
  whole?: boolean;
}

/** The words and options of a command line, checked against what the command accepts. */
export class Args {
  constructor(
    private readonly words: readonly string[],
    /** Values by the option's long name. */
    private readonly options: ReadonlyMap<string, readonly string[]>,
    private readonly switches: ReadonlySet<string>,
  ) {}

  /** A required word; the parser has made sure that it is there. */
  word(index: number): string {
    return this.words[index] ?? "";
  }

  optional(index: number): string | undefined {
    return this.words[index];
  }

  /** The words from `index` on. */
  rest(index: number): readonly string[] {
    return this.words.slice(index);
  }

  has(name: string): boolean {
    return this.switches.has(name);
  }

  text(name: string): string | undefined {
    return this.options.get(name)?.[0];
  }

  list(name: string): string[] | undefined {
    const values = this.options.get(name);
    return values === undefined ? undefined : [...values];
  }

  /** Values of a comma list: `a, b`. */
  commaList(name: string): string[] | undefined {
    return this.text(name)
      ?.split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
  }

  /** @throws Fault usage naming the option and what it accepts. */
  number(name: string, { min, max, whole = false }: Range = {}): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = text.trim() === "" ? Number.NaN : Number(text);
    const fits =
      value >= (min ?? -Infinity) && value <= (max ?? Infinity) && (!whole || Number.isSafeInteger(value));
    if (fits && Number.isFinite(value)) return value;
    const bounds = [min === undefined ? "" : ` from ${min}`, max === undefined ? "" : ` to ${max}`].join("");
    throw new Fault("usage", `--${name} takes a ${whole ? "whole " : ""}number${bounds}, got "${text}"`);
  }

  /** Ms of an option such as `2s` or `500ms`. */
  duration(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const ms = parseDuration(text);
    if (ms === undefined || ms <= 0)
      throw new Fault("usage", `--${name} takes a time such as 2s or 500ms, got "${text}"`);
    return ms;
  }
}
