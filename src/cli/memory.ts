import { formatTime, LIMITS } from "../base/mod.ts";
import { type Context, NODE_OPTIONS, type OptionSpec } from "./command.ts";
import { nodeOf } from "./node.ts";
import { cut, oneLine } from "./printer.ts";
import { parseWhen } from "./when.ts";

/** What the words of the memory family share. */

/** Options of every command that speaks to a session. */
export const SESSION_OPTIONS: readonly OptionSpec[] = [
  { flags: "--session <session>", about: "whose memory it is (default: the node's own session)" },
  ...NODE_OPTIONS,
];

export const EXPLAIN: OptionSpec = { flags: "--explain", about: "show what each signal contributed" };

/** `--limit` of what is found or listed. @param usual how many without it */
export function limitOption(usual: number): OptionSpec {
  return { flags: "-l, --limit <n>", about: `how many, 1 to ${LIMITS.askLimit} (default ${usual})` };
}

/** @throws Fault usage */
export function limitOf({ args }: Context): number | undefined {
  return args.number("limit", { min: 1, max: LIMITS.askLimit, whole: true });
}

/** Asks the node of this command line on behalf of its session; `path` is what stands after /api/v1. */
export function memory<T>(context: Context, method: "GET" | "POST", path: string, body?: object): Promise<T> {
  const session = context.args.text("session");
  return nodeOf(context).memory<T>(method, path, { session, ...(body === undefined ? {} : { body }) });
}

/** The fields that are there; the node has the defaults. */
function given<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** Stores one thing of the fields that are there, and prints its id. */
export async function store(context: Context, path: string, fields: object): Promise<void> {
  const { print } = context;
  const stored = await memory<{ id: string }>(context, "POST", path, given(fields));
  if (print.json) print.document(stored);
  else print.line(stored.id);
}

/** Asks in words; the question, the limit and `--explain` are the command line's. */
export function recall<T>(context: Context, path: string, fields: object): Promise<T> {
  const { args } = context;
  const query = args.rest(0).join(" ");
  const explain = args.has("explain") || undefined;
  return memory<T>(context, "POST", path, given({ query, limit: limitOf(context), explain, ...fields }));
}

/** `?a=1&b=2` of the values that are there. */
export function queryOf(values: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? "" : `?${query}`;
}

/** A time of a command line as the node takes it. @throws Fault usage */
export function timeOf({ args, io }: Context, name: string): string | undefined {
  const text = args.text(name);
  return text === undefined ? undefined : formatTime(parseWhen(`--${name}`, text, io.now()));
}

/** One found thing as a line: aligned and cut on a terminal, tab-separated in a pipe. */
export function found({ print }: Context, cells: readonly string[], text: string, signals?: object): void {
  const clean = [...cells, text].map(oneLine);
  if (print.fancy) {
    const head = `${clean.slice(0, -1).join("  ")}  `;
    const room = Math.max(20, print.columns - Bun.stringWidth(head));
    print.line(print.style("dim", head) + cut(clean.at(-1)!, room));
  } else {
    print.line(clean.join("\t"));
  }
  if (signals !== undefined) print.line(print.style("dim", `     ${signalsOf(signals)}`));
}

function signalsOf(signals: object): string {
  return Object.entries(signals)
    .filter(([, value]) => typeof value === "number")
    .map(([name, value]) => `${name} ${(value as number).toFixed(3)}`)
    .join("  ");
}
