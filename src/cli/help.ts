import type { Action, Word, Words } from "./command.ts";
import { optionsOf } from "./parse.ts";
import { allWords } from "./words.ts";

export const EXIT_CODES = `Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused, 5 node unreachable,
6 damaged data found, 7 budget or disk full, 64 stopped for good, 75 restart me.
health alone: 0 ok, 1 warning, 2 critical, 3 unknown.`;

/** Help of everything, of a first word with several actions, or of one action. */
export async function helpText(path: readonly string[], word: Word | undefined): Promise<string> {
  if (word === undefined) {
    const rows = [...(await allWords())].map(([name, { summary }]) => [name, summary] as const);
    return `dwbase: a memory for small machines\n\nUsage: dwbase <command> [options]\n\n${columns(rows)}\n
Every command takes --json and --help.\n\n${EXIT_CODES}\n`;
  }
  return "actions" in word ? helpOfWord(path, word) : helpOfAction(path, word);
}

function helpOfWord(path: readonly string[], { summary, actions, bare }: Words): string {
  const words = `dwbase ${path.join(" ")}`;
  const rows = Object.entries(actions).map(([name, action]) => [name, action.summary] as const);
  const examples = Object.values(actions).map(({ examples: [first] }) => `  $ ${first}`);
  const several = `${words}: ${summary}\n\nUsage: ${words} <${Object.keys(actions).join("|")}>\n\n${columns(rows)}\n
Examples:\n${examples.join("\n")}\n`;
  return bare ? `${several}\nWithout one of these words:\n\n${helpOfAction(path, bare)}` : several;
}

function helpOfAction(path: readonly string[], action: Action): string {
  const words = `dwbase ${path.join(" ")}`;
  const rows = optionsOf(action).map(({ flags, about, repeat, choices }) => {
    const notes = [choices?.join(", "), repeat ? "may be repeated" : undefined].filter(
      (note) => note !== undefined,
    );
    return [flags, notes.length === 0 ? about : `${about} (${notes.join("; ")})`] as const;
  });
  const examples = action.examples.map((example) => `  $ ${example}`);
  return `${words}: ${action.summary}\n\nUsage: ${[words, action.args, "[options]"].filter(Boolean).join(" ")}\n
${columns(rows)}\n\nExample${examples.length > 1 ? "s" : ""}:\n${examples.join("\n")}\n`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, about]) => `  ${name.padEnd(width)}  ${about}`).join("\n");
}
