import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import { asFault, Fault } from "../../base/mod.ts";
import {
  alreadyStored,
  type Client,
  chunks,
  LineIds,
  type Outcome,
  type Refusal,
  upload,
} from "../../client/mod.ts";
import { type Context, NODE_OPTIONS, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";
import { importWorldWeaver } from "../worldweaver.ts";

/** Refusals that the report of --json lists; all are counted, and all go to stderr otherwise. */
const LISTED_REFUSALS = 1000;
const READ_BYTES = 256 * 1024;

export const word: Word = {
  summary: "store the atoms of a JSON Lines file, or what World Weaver exported",
  args: "<file>",
  options: [
    { flags: "--world <world>", about: "store all of them in this world" },
    { flags: "--from <format>", about: "what else the file is", choices: ["worldweaver"] },
    { flags: "--session <session>", about: "of --from worldweaver: whose memory it becomes" },
    ...NODE_OPTIONS,
  ],
  examples: [
    "dwbase import notes.jsonl",
    "dwbase import - --world home < notes.jsonl",
    "dwbase import --from worldweaver export.json --session ann",
  ],
  async run(context) {
    const { args, print } = context;
    if (args.text("from") === "worldweaver") return importWorldWeaver(context);
    const node = nodeOf(context);
    const job = new Job(args.text("world"));
    const before = await atomCounts(node);
    const source = input(context, args.word(0), job);
    try {
      for await (const outcomes of upload(
        node,
        chunks(source, (line) => job.prepare(line), { eager: false }),
      )) {
        for (const outcome of outcomes) {
          const refusal = await job.settle(node, outcome);
          if (refusal !== undefined && !print.json) print.note(`line ${refusal.number}: ${refusal.error}`);
        }
        print.progress(job.bytes, job.size, `${job.stored} stored`);
      }
    } finally {
      print.clear();
    }
    const report = job.report(before, before && (await atomCounts(node)));
    if (print.json) print.document(report);
    else print.line(sentence(report));
    return report.refused === 0 ? 0 : 1;
  },
};

interface Report {
  /** Lines with an atom, blank ones not counted. */
  lines: number;
  /** Stored by this import, and before it; null when the key may not count the worlds. */
  added: number | null;
  already: number | null;
  refused: number;
  refusals: { line: number; code: string; error: string }[];
}

/** What an import has done so far. */
class Job {
  bytes = 0;
  size: number | undefined;
  stored = 0;
  private refused = 0;
  private readonly refusals: Report["refusals"] = [];
  private readonly ids = new LineIds();
  private readonly worlds = new Set<unknown>();

  constructor(private readonly world: string | undefined) {}

  /** The line to send: in the wanted world, and with an id that is the same in every import of it. */
  prepare(line: string): string {
    const atom = parseAtom(line);
    const moved = this.world !== undefined && atom.world !== this.world;
    if (moved) atom.world = this.world;
    this.worlds.add(atom.world);
    const text = moved ? JSON.stringify(atom) : line.trim();
    return atom.id == null ? JSON.stringify({ ...atom, id: this.ids.next(text) }) : text;
  }

  /** Counts an outcome; resolves with the refusal if it is one. */
  async settle(node: Client, outcome: Outcome): Promise<Refusal | undefined> {
    if ("id" in outcome || (await alreadyStored(node, outcome)) !== undefined) {
      this.stored++;
      return undefined;
    }
    this.refused++;
    const { number: line, code, error } = outcome;
    if (this.refusals.length < LISTED_REFUSALS) this.refusals.push({ line, code, error });
    return outcome;
  }

  /**
   * An import of what is there answers with the same ids, so what was added shows only in the sizes of the worlds
   * before and after; another writer at the same time blurs it.
   */
  report(before: Map<string, number> | undefined, after: Map<string, number> | undefined): Report {
    let added: number | null = null;
    if (before !== undefined && after !== undefined) {
      const names = [...this.worlds].map(String);
      const growth = names.reduce((sum, name) => sum + (after.get(name) ?? 0) - (before.get(name) ?? 0), 0);
      added = Math.min(this.stored, Math.max(0, growth));
    }
    return {
      lines: this.stored + this.refused,
      added,
      already: added === null ? null : this.stored - added,
      refused: this.refused,
      refusals: this.refusals,
    };
  }
}

function parseAtom(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new Fault("invalid_input", `the line is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new Fault("invalid_input", "the line is not a JSON object; each line holds one atom");
}

/** Atoms of every world, or undefined when the key may only write. */
async function atomCounts(node: Client): Promise<Map<string, number> | undefined> {
  try {
    const worlds = await node.worlds({ archived: true });
    return new Map(worlds.map(({ name, atoms }) => [name, atoms]));
  } catch (error) {
    if (asFault(error).code === "capability_denied") return undefined;
    throw error;
  }
}

async function* input({ io }: Context, file: string, job: Job): AsyncGenerator<Uint8Array> {
  const source = file === "-" ? io.stdin : openFile(resolve(io.cwd, file), job);
  for await (const part of source) {
    job.bytes += part.length;
    yield part;
  }
}

function openFile(path: string, job: Job): AsyncIterable<Uint8Array> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new Fault("not_found", `there is no file ${path}`);
  if (stat.isDirectory()) throw new Fault("usage", `${path} is a directory; name a JSON Lines file`);
  job.size = stat.size;
  return createReadStream(path, { highWaterMark: READ_BYTES });
}

function sentence({ lines, added, already, refused }: Report): string {
  const stored = added === null ? `${lines - refused} stored` : `${added} added, ${already} already there`;
  return `${lines} lines: ${stored}, ${refused} refused`;
}
