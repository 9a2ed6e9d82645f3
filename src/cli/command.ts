import type { Args } from "./args.ts";
import type { Io } from "./io.ts";
import type { Printer } from "./printer.ts";

/** An option in the notation of the parser: `-l, --limit <n>` takes a value, `--yes` does not. */
export interface OptionSpec {
  flags: string;
  about: string;
  /** May be given more than once. */
  repeat?: true;
  /** The accepted words. */
  choices?: readonly string[];
}

export interface Context {
  args: Args;
  io: Io;
  print: Printer;
}

/** What one command line runs. */
export interface Action {
  summary: string;
  /** Positional arguments in the parser's notation: `<world> [...text]`. */
  args?: string;
  /** The accepted words of the first argument. */
  choices?: readonly string[];
  options?: readonly OptionSpec[];
  /** Lines after `$ `. */
  examples: readonly string[];
  /** Exit code of every fault, for `health`, which keeps the convention of monitoring plug-ins. */
  faultExit?: number;
  /** Resolves with the exit code; nothing means 0. */
  run(context: Context): Promise<number | undefined> | Promise<void>;
}

/** A first word with several actions by their second word. */
export interface Words {
  summary: string;
  actions: Record<string, Action>;
  /** What it does when the second word names no action. */
  bare?: Action;
}

/** A first word: one action, or several. */
export type Word = Action | Words;

export const JSON_OPTION: OptionSpec = {
  flags: "--json",
  about: "machine output on stdout, messages on stderr",
};
export const HELP_OPTION: OptionSpec = { flags: "-h, --help", about: "this help" };
export const CONFIG_OPTION: OptionSpec = { flags: "--config <file>", about: "configuration of the node" };

/** Options of every command that talks to a node. They may also stand before the first word. */
export const NODE_OPTIONS: readonly OptionSpec[] = [
  { flags: "--api <url>", about: "the node (DWBASE_API, else http://127.0.0.1:8080); also unix:///path" },
  { flags: "--key <key>", about: "API key (DWBASE_API_KEY, else the local node's key file)" },
  { flags: "--timeout <time>", about: "how long the node may keep silent (default 60s)" },
  CONFIG_OPTION,
];

export const DATA_DIR_OPTIONS: readonly OptionSpec[] = [
  { flags: "--data-dir <dir>", about: "data directory (default: the configured node's)" },
  { flags: "--path <dir>", about: "the same as --data-dir" },
];

/** Options of every command that reads a data directory. */
export const STORE_OPTIONS: readonly OptionSpec[] = [...DATA_DIR_OPTIONS, CONFIG_OPTION];

/** Options of a command that asks the node which serves a data directory: its key file lies there. */
export const STORE_NODE_OPTIONS: readonly OptionSpec[] = [...DATA_DIR_OPTIONS, ...NODE_OPTIONS];
