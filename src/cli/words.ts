import { Fault } from "../base/mod.ts";
import { nearest } from "../config/mod.ts";
import { type Action, NODE_OPTIONS, type Word } from "./command.ts";

type Load = () => Promise<{ word: Word }>;

/** The command table: one file per first word, loaded when it is used. */
const WORDS: Record<string, Load> = {
  serve: () => import("./words/serve.ts"),
  deploy: () => import("./words/deploy.ts"),
  remember: () => import("./words/remember.ts"),
  ask: () => import("./words/ask.ts"),
  "list-worlds": () => import("./words/list-worlds.ts"),
  replay: () => import("./words/replay.ts"),
  inspect: () => import("./words/inspect.ts"),
  forget: () => import("./words/forget.ts"),
  world: () => import("./words/world.ts"),
  import: () => import("./words/import.ts"),
  export: () => import("./words/export.ts"),
  episodic: () => import("./words/episodic.ts"),
  semantic: () => import("./words/semantic.ts"),
  procedural: () => import("./words/procedural.ts"),
  consolidate: () => import("./words/consolidate.ts"),
  status: () => import("./words/status.ts"),
  storage: () => import("./words/storage.ts"),
  backup: () => import("./words/backup.ts"),
  index: () => import("./words/index.ts"),
  keys: () => import("./words/keys.ts"),
  control: () => import("./words/control.ts"),
  audit: () => import("./words/audit.ts"),
  health: () => import("./words/health.ts"),
  doctor: () => import("./words/doctor.ts"),
  "support-bundle": () => import("./words/support-bundle.ts"),
  config: () => import("./words/config.ts"),
  bench: () => import("./words/bench.ts"),
  test: () => import("./words/test.ts"),
  install: () => import("./words/install.ts"),
  uninstall: () => import("./words/uninstall.ts"),
  version: () => import("./words/version.ts"),
  completion: () => import("./words/completion.ts"),
};

/** All first words with their commands, for help and completion. */
export async function allWords(): Promise<Map<string, Word>> {
  const names = Object.keys(WORDS);
  const loaded = await Promise.all(names.map((name) => WORDS[name]!()));
  return new Map(names.map((name, i) => [name, loaded[i]!.word]));
}

/** What a command line asks for. */
export type Found =
  | { kind: "action"; path: string[]; action: Action; tokens: string[] }
  | { kind: "help"; path: string[]; word: Word | undefined };

/**
 * Finds the command of a command line. Options of the node may stand before the first word.
 * @throws Fault usage for an unknown or missing word.
 */
export async function find(argv: readonly string[]): Promise<Found> {
  const at = firstWord(argv);
  const leading = argv.slice(0, at);
  const first = argv[at];
  const rest = argv.slice(at + 1);
  if (first === undefined) {
    if (wantsHelp(leading)) return { kind: "help", path: [], word: undefined };
    if (leading.some((token) => token === "--version" || token === "-v")) return find(["version"]);
    throw new Fault("usage", "name a command, such as dwbase ask home; dwbase --help lists them");
  }
  if (first === "help") return find([...rest, "--help"]);
  const load = Object.hasOwn(WORDS, first) ? WORDS[first] : undefined;
  if (load === undefined) throw unknown("dwbase", first, Object.keys(WORDS));
  const { word } = await load();
  if (!("actions" in word))
    return { kind: "action", path: [first], action: word, tokens: [...leading, ...rest] };
  const second = rest[0];
  if (word.bare && !Object.hasOwn(word.actions, second ?? "")) {
    if (rest.length > 0 && wantsHelp(rest)) return { kind: "help", path: [first], word };
    return { kind: "action", path: [first], action: word.bare, tokens: [...leading, ...rest] };
  }
  if (second === undefined || second.startsWith("-")) {
    if (wantsHelp([...leading, ...rest])) return { kind: "help", path: [first], word };
    const names = Object.keys(word.actions).join(", ");
    throw new Fault("usage", `dwbase ${first} needs one of ${names}; see dwbase ${first} --help`);
  }
  const action = Object.hasOwn(word.actions, second) ? word.actions[second] : undefined;
  if (action === undefined) throw unknown(`dwbase ${first}`, second, Object.keys(word.actions));
  return { kind: "action", path: [first, second], action, tokens: [...leading, ...rest.slice(1)] };
}

/** Index of the first word behind leading options and their values. */
function firstWord(argv: readonly string[]): number {
  const valued = NODE_OPTIONS.map((option) => option.flags.split(" ")[0]!);
  let at = 0;
  while (argv[at]?.startsWith("-")) at += valued.includes(argv[at]!) ? 2 : 1;
  return at;
}

function wantsHelp(tokens: readonly string[]): boolean {
  return tokens.includes("--help") || tokens.includes("-h");
}

function unknown(before: string, word: string, known: readonly string[]): Fault {
  const near = nearest(word, known);
  const hint = near === undefined ? `see ${before} --help` : `did you mean ${before} ${near}?`;
  return new Fault("usage", `there is no command ${before} ${word}; ${hint}`);
}
