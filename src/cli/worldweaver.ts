import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { Fault, LIMITS } from "../base/mod.ts";
import { LineIds } from "../client/mod.ts";
import type { ImportAnswer, ImportList } from "../memory/mod.ts";
import type { Context } from "./command.ts";
import { memory } from "./memory.ts";

/** Things before the relations between them, since those need both ends. */
const LISTS = ["episodes", "entities", "skills", "relations"] as const satisfies readonly ImportList[];

/** Items of the file that are sent together, with where each stands in its list. */
interface Chunk {
  body: Partial<Record<ImportList, unknown[]>>;
  /** Position in the file's list of the first item of each list. */
  from: Partial<Record<ImportList, number>>;
  items: number;
  bytes: number;
}

/**
 * Imports an export of World Weaver: one JSON object with the lists `episodes`, `entities`, `relations` and `skills`,
 * each of what its API answers. What has no id gets one that is the same in every import of the file.
 * @returns the exit code: 1 when items were refused. @throws Fault not_found, usage, payload_too_large, and the node's
 */
export async function importWorldWeaver(context: Context): Promise<number> {
  const { args, io, print } = context;
  const path = resolve(io.cwd, args.word(0));
  const lists = read(path);
  const total = LISTS.reduce((sum, list) => sum + (lists[list]?.length ?? 0), 0);
  const report: ImportAnswer = { added: 0, already: 0, refused: [] };
  let done = 0;
  try {
    for (const { body, from, items } of chunks(lists)) {
      const answer = await memory<ImportAnswer>(context, "POST", "/import", body);
      report.added += answer.added;
      report.already += answer.already;
      for (const one of answer.refused) {
        const index = one.index + from[one.list]!;
        report.refused.push({ ...one, index });
        if (!print.json) print.note(`${one.list}[${index}]: ${one.detail}`);
      }
      done += items;
      print.progress(done, total, `${report.added} added`);
    }
  } finally {
    print.clear();
  }
  const { added, already, refused } = report;
  if (print.json) print.document({ items: total, ...report });
  else print.line(`${total} items: ${added} added, ${already} already there, ${refused.length} refused`);
  return refused.length === 0 ? 0 : 1;
}

type Lists = Partial<Record<ImportList, unknown[]>>;

function read(path: string): Lists {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) throw new Fault("not_found", `there is no file ${path}`);
  if (stat.size > LIMITS.worldWeaverBytes) {
    throw new Fault("payload_too_large", `${path} is larger than ${LIMITS.worldWeaverBytes} bytes; split it`);
  }
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new Fault("invalid_input", `${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const lists = value as Lists;
  const known =
    typeof value === "object" && value !== null && LISTS.some((list) => lists[list] !== undefined);
  const bad = known && LISTS.find((list) => lists[list] != null && !Array.isArray(lists[list]));
  if (known && !bad) return lists;
  throw new Fault(
    "invalid_input",
    `${path} holds no export; it must be an object of the lists ${LISTS.join(", ")}`,
  );
}

/** The items in requests of bounded size. */
function* chunks(lists: Lists): Generator<Chunk> {
  const ids = new LineIds();
  let chunk: Chunk = { body: {}, from: {}, items: 0, bytes: 0 };
  for (const list of LISTS) {
    for (const [index, item] of (lists[list] ?? []).entries()) {
      const sent = list === "relations" ? item : withId(item, list, ids);
      const bytes = Buffer.byteLength(JSON.stringify(sent) ?? "null");
      const full = chunk.items >= LIMITS.importItems || chunk.bytes + bytes > LIMITS.worldWeaverChunkBytes;
      if (chunk.items > 0 && full) {
        yield chunk;
        chunk = { body: {}, from: {}, items: 0, bytes: 0 };
      }
      chunk.body[list] ??= [];
      chunk.body[list].push(sent);
      chunk.from[list] ??= index;
      chunk.items += 1;
      chunk.bytes += bytes;
    }
  }
  if (chunk.items > 0) yield chunk;
}

function withId(item: unknown, list: ImportList, ids: LineIds): unknown {
  if (typeof item !== "object" || item === null || (item as { id?: unknown }).id != null) return item;
  return { ...item, id: ids.next(`${list} ${JSON.stringify(item)}`) };
}
