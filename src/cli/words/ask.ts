import type { AskRequest, Atom } from "../../atom/mod.ts";
import { Fault, formatTime, LIMITS } from "../../base/mod.ts";
import type { AskAnswer } from "../../client/mod.ts";
import { textOf } from "../atoms.ts";
import { type Context, NODE_OPTIONS, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";
import { cut, oneLine } from "../printer.ts";
import { parseWhen, showTime } from "../when.ts";

export const word: Word = {
  summary: "ask a world a question",
  args: "<world> [...question]",
  options: [
    { flags: "-q, --question <text>", about: "the question, instead of the words behind the world" },
    {
      flags: "-l, --limit <n>",
      about: `memories to answer, 1 to ${LIMITS.askLimit} (default ${LIMITS.askDefault})`,
    },
    { flags: "--label <label>", about: "only memories with this label", repeat: true },
    { flags: "--since <time>", about: "only memories since 2h, 3d, yesterday or a date" },
    { flags: "--explain", about: "show what each signal contributed" },
    ...NODE_OPTIONS,
  ],
  examples: [
    'dwbase ask home "when was the filter changed?"',
    "dwbase ask home --since yesterday what happened",
  ],
  async run(context) {
    const { print } = context;
    const node = nodeOf(context);
    const request = await requestOf(context);
    const answer = await node.ask(request);
    if (print.json) return print.document(answer);
    show(context, answer, request.explain === true);
  },
};

async function requestOf(context: Context): Promise<AskRequest> {
  const { args, io } = context;
  const limit = args.number("limit", { min: 1, max: LIMITS.askLimit, whole: true });
  const since = args.text("since");
  const labels = args.list("label");
  const filter = {
    ...(labels === undefined ? {} : { labels }),
    ...(since === undefined ? {} : { since: formatTime(parseWhen("--since", since, io.now())) }),
  };
  return {
    world: args.word(0),
    text: await questionOf(context),
    ...(Object.keys(filter).length === 0 ? {} : { filter }),
    ...(limit === undefined ? {} : { limit }),
    ...(args.has("explain") ? { explain: true } : {}),
  };
}

/** The question as it was given, else as it is typed at the prompt. */
async function questionOf({ args, io }: Context): Promise<string> {
  const words = args.rest(1).join(" ");
  const option = args.text("question");
  if (words !== "" && option !== undefined) {
    throw new Fault("usage", "the question was given twice: with --question and behind the world");
  }
  const given = option ?? words;
  if (given.trim() !== "") return given;
  if (io.tty.in) {
    io.err("Question> ");
    const typed = await firstLine(io.stdin);
    if (typed.trim() !== "") return typed.trim();
  }
  throw new Fault("usage", "the question is missing; write it behind the world or with --question");
}

async function firstLine(input: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of input) {
    text += decoder.decode(part, { stream: true });
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  return text;
}

function show({ print }: Context, answer: AskAnswer, explain: boolean): void {
  for (const warning of answer.warnings) print.note(`note: ${warning}`);
  if (answer.supporting_atoms.length === 0) {
    print.note(`nothing in ${answer.world} answers that`);
    return;
  }
  if (answer.text !== "") print.line(print.style("bold", oneLine(answer.text)));
  answer.supporting_atoms.forEach((atom, i) => {
    print.line(memory(print, atom, i + 1));
    const score = explain ? answer.scores?.[i] : undefined;
    if (score !== undefined) print.line(print.style("dim", signals(score)));
  });
}

/** A memory of an answer: a line for people on a terminal, tab-separated in a pipe. */
function memory(print: Context["print"], atom: Atom, rank: number): string {
  const text = oneLine(textOf(atom));
  if (!print.fancy) return [rank, atom.id, atom.timestamp, oneLine(atom.worker), text].join("\t");
  const head = `${String(rank).padStart(3)}  ${showTime(atom.timestamp)}  ${oneLine(atom.worker)}  `;
  return print.style("dim", head) + cut(text, Math.max(20, print.columns - Bun.stringWidth(head)));
}

/** `score 1.23 = lexical 0.9 + semantic 0.33`, greatest first, without those that gave nothing. */
function signals({ id: _, score, ...rest }: NonNullable<AskAnswer["scores"]>[number]): string {
  const parts = Object.entries(rest as Record<string, number>)
    .filter(([, value]) => value !== 0)
    .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a))
    .map(([name, value]) => `${name} ${value.toFixed(3)}`);
  return `     score ${score.toFixed(3)} = ${parts.join(" + ") || "0"}`;
}
