import { cac } from "cac";
import { Fault } from "../base/mod.ts";
import { nearest } from "../config/mod.ts";
import { Args } from "./args.ts";
import { type Action, HELP_OPTION, JSON_OPTION, type OptionSpec } from "./command.ts";

export interface Parsed {
  args: Args;
  json: boolean;
  help: boolean;
}

/** No argument can hold a NUL. */
const GUARD = "\0";

/** `limit` of `-l, --limit <n>`. */
export function longName(option: OptionSpec): string {
  return /--([a-z][a-z-]*)/.exec(option.flags)![1]!;
}

export function takesValue(option: OptionSpec): boolean {
  return option.flags.includes("<");
}

/** Every option that an action accepts. */
export function optionsOf(action: Action): OptionSpec[] {
  return [...(action.options ?? []), JSON_OPTION, HELP_OPTION];
}

/**
 * Reads what follows the command's words.
 * @param path the command's words, such as ["world", "policy"]
 * @throws Fault usage with a hint.
 */
export function parse(path: readonly string[], action: Action, tokens: readonly string[]): Parsed {
  const name = path.at(-1)!;
  const cli = cac("dwbase");
  const command = cli.command(`${name} ${action.args ?? ""}`.trim());
  const specs = optionsOf(action);
  for (const option of specs) command.option(option.flags, option.about);
  const apart = splitShort(specs, tokens);
  const { args, options } = cli.parse(["", "", name, ...apart.map(guard)], { run: false });
  const help = options.help === true;
  const words = [...args, ...((options["--"] as string[] | undefined) ?? [])].map(unguard);
  if (!help) {
    cli.args = words;
    try {
      command.checkUnknownOptions();
      command.checkOptionValue();
      command.checkRequiredArgs();
      command.checkUnusedArgs();
    } catch (error) {
      throw badUsage(path, action, (error as Error).message);
    }
    checkChoice(`dwbase ${path.join(" ")}`, words[0], action.choices);
  }
  const read = readOptions(specs, options);
  return { args: new Args(words, read.values, read.switches), json: read.switches.has("json"), help };
}

/** `-l3` and `-l=3` are `-l 3`, as the original client reads them. What follows `--` are words. */
function splitShort(specs: readonly OptionSpec[], tokens: readonly string[]): string[] {
  const letters = specs.filter(takesValue).flatMap(({ flags }) => /^-([a-z]),/.exec(flags)?.[1] ?? []);
  const end = tokens.includes("--") ? tokens.indexOf("--") : tokens.length;
  const split = tokens.slice(0, end).flatMap((token) => {
    const [, letter = "", value = ""] = /^-([a-z])=?(.+)$/s.exec(token) ?? [];
    return letters.includes(letter) ? [`-${letter}`, value] : [token];
  });
  return [...split, ...tokens.slice(end)];
}

/**
 * The parser takes what looks like a number for one (`007` would be 7, `1e3` 1000), an empty value for none and a
 * lone `-` for an option: a guard in front keeps values as they were typed.
 */
function guard(token: string): string {
  if (token === "--") return token;
  if (token === "-" || !token.startsWith("-")) return GUARD + token;
  return token.replace("=", `=${GUARD}`);
}

function unguard(token: string): string {
  return token.replace(GUARD, "");
}

function readOptions(specs: readonly OptionSpec[], options: Record<string, unknown>) {
  const values = new Map<string, string[]>();
  const switches = new Set<string>();
  for (const spec of specs) {
    const name = longName(spec);
    const given = options[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    if (given === undefined) continue;
    const list: unknown[] = Array.isArray(given) ? given : [given];
    if (!takesValue(spec)) {
      if (list.at(-1) === true) switches.add(name);
      continue;
    }
    const texts = list.map((value) => {
      if (typeof value !== "string") throw new Fault("usage", `--${name} needs a value: ${spec.flags}`);
      return unguard(value);
    });
    if (texts.length > 1 && spec.repeat !== true)
      throw new Fault("usage", `--${name} was given more than once`);
    for (const text of texts) checkChoice(`--${name}`, text, spec.choices);
    values.set(name, texts);
  }
  return { values, switches };
}

function checkChoice(what: string, text: string | undefined, choices: readonly string[] | undefined): void {
  if (text === undefined || choices === undefined || choices.includes(text)) return;
  throw new Fault("usage", `${what} takes ${choices.join(", ")}, got "${text}"`);
}

function badUsage(path: readonly string[], action: Action, message: string): Fault {
  const words = `dwbase ${path.join(" ")}`;
  const plain = message.replaceAll(/[`\0]/g, "");
  const unknown = /Unknown option (-+)([A-Za-z0-9]+)/.exec(plain);
  if (unknown) {
    const kebab = unknown[2]!.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const near = nearest(kebab, optionsOf(action).map(longName));
    const hint = near === undefined ? `see ${words} --help` : `did you mean --${near}? See ${words} --help`;
    return new Fault("usage", `${words} has no option ${unknown[1]}${kebab}; ${hint}`);
  }
  if (plain.startsWith("missing required")) {
    return new Fault("usage", `something is missing; write ${words} ${action.args}, and see ${words} --help`);
  }
  return new Fault("usage", `${plain.replace("Unused args:", "too many words:")}; see ${words} --help`);
}
