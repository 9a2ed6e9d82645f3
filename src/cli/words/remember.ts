import { KINDS, LINK_KINDS, type Link, type LinkKind, type NewAtom } from "../../atom/mod.ts";
import { Fault, formatTime, newId } from "../../base/mod.ts";
import { chunks, type Outcome, upload } from "../../client/mod.ts";
import type { Args } from "../args.ts";
import { type Context, NODE_OPTIONS, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";
import { parseWhen } from "../when.ts";

export const word: Word = {
  summary: "remember a text, or lines and atoms from stdin",
  args: "<world> [...text]",
  options: [
    { flags: "--worker <name>", about: "who remembers (default cli)" },
    { flags: "--kind <kind>", about: "default observation", choices: KINDS },
    { flags: "--importance <x>", about: "0 to 1 (default 0.5)" },
    { flags: "--label <label>", about: "label of the memory", repeat: true },
    { flags: "--link <id>", about: `linked memory, ID or KIND:ID of ${LINK_KINDS.join(", ")}`, repeat: true },
    { flags: "--supersedes <id>", about: "the memory that this one replaces" },
    { flags: "--timestamp <time>", about: "when it happened: 2h (ago), a date or RFC 3339 (default now)" },
    { flags: "--payload-json <json>", about: "payload, instead of a text" },
    ...NODE_OPTIONS,
  ],
  examples: [
    'dwbase remember home "the boiler was serviced" --label maintenance',
    "sensor | dwbase remember home -   # a memory a line: text, a JSON payload or a whole atom",
  ],
  async run(context) {
    const { args, print } = context;
    const texts = args.rest(1);
    if (texts.length === 1 && texts[0] === "-") return rememberInput(context);
    const atom: NewAtom = { ...fieldsOf(context), payload_json: payloadOf(args, texts.join(" ")) };
    const id = await nodeOf(context).remember(atom);
    if (print.json) print.document({ id });
    else print.line(id);
    return 0;
  },
};

/** What the options say of a memory, payload apart. */
function fieldsOf({ args, io }: Context): Omit<NewAtom, "payload_json"> {
  const importance = args.number("importance", { min: 0, max: 1 });
  const timestamp = args.text("timestamp");
  const labels = args.list("label");
  const links = linksOf(args);
  return {
    world: args.word(0),
    worker: args.text("worker") ?? "cli",
    kind: (args.text("kind") ?? "observation") as NewAtom["kind"],
    ...(timestamp === undefined
      ? {}
      : { timestamp: formatTime(parseWhen("--timestamp", timestamp, io.now())) }),
    ...(importance === undefined ? {} : { importance }),
    ...(labels === undefined ? {} : { labels }),
    ...(links.length === 0 ? {} : { links }),
  };
}

function linksOf(args: Args): Link[] {
  const links = (args.list("link") ?? []).map((text): Link => {
    const [kind, target] = text.includes(":") ? text.split(":", 2) : ["references", text];
    if (!LINK_KINDS.some((known) => known === kind)) {
      throw new Fault(
        "usage",
        `--link takes ID or KIND:ID with KIND one of ${LINK_KINDS.join(", ")}, got "${text}"`,
      );
    }
    return { target: target!, kind: kind as LinkKind };
  });
  const old = args.text("supersedes");
  return old === undefined ? links : [...links, { target: old, kind: "supersedes" }];
}

function payloadOf(args: Args, text: string): string {
  const payload = args.text("payload-json");
  if (payload === undefined) {
    if (text.trim() === "")
      throw new Fault("usage", "what to remember is missing; write it behind the world");
    return JSON.stringify({ text });
  }
  if (text !== "")
    throw new Fault("usage", "the payload was given twice: with --payload-json and behind the world");
  try {
    JSON.parse(payload);
  } catch (cause) {
    throw new Fault("usage", `--payload-json is not JSON: ${(cause as Error).message}`, { cause });
  }
  return payload;
}

/** A memory for every line of stdin, as soon as it is there. */
async function rememberInput(context: Context): Promise<number> {
  const { args, io, print } = context;
  const fields = fieldsOf(context);
  if (args.text("payload-json") !== undefined) {
    throw new Fault("usage", "--payload-json and - exclude each other: the lines are the payloads");
  }
  const prepare = (line: string) => JSON.stringify({ id: newId(io.now()), ...atomOf(line, fields) });
  let refused = 0;
  for await (const outcomes of upload(nodeOf(context), chunks(io.stdin, prepare, { eager: true }))) {
    for (const outcome of outcomes) {
      if ("code" in outcome) refused++;
      if (print.json) print.line(JSON.stringify(lineOf(outcome)));
      else if ("id" in outcome) print.line(outcome.id);
      else print.note(`line ${outcome.number}: ${outcome.error}`);
    }
  }
  return refused === 0 ? 0 : 1;
}

function lineOf(outcome: Outcome): object {
  const line = outcome.number;
  return "id" in outcome ? { line, id: outcome.id } : { line, code: outcome.code, error: outcome.error };
}

/** A whole atom keeps what it says, except its world; any other JSON object is a payload; the rest is text. */
function atomOf(line: string, fields: Omit<NewAtom, "payload_json">): object {
  const value = objectOf(line);
  if (value === undefined) return { ...fields, payload_json: JSON.stringify({ text: line }) };
  if ("payload_json" in value || "worker" in value) return { ...fields, ...value, world: fields.world };
  return { ...fields, payload_json: line };
}

function objectOf(line: string): object | undefined {
  if (!line.trimStart().startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as object;
  } catch {
    return undefined;
  }
}
