import { field } from "../atom/mod.ts";
import { bytesToId, Fault, formatTime, idToBytes, invalid, LIMITS } from "../base/mod.ts";
import { findEdge, findSubject, isForgotten, type WriteContext } from "../storage/mod.ts";
import {
  contextOf,
  entityOf,
  episodeOf,
  fields,
  id,
  moment,
  optional,
  relationOf,
  skillOf,
} from "./checks.ts";
import { FAMILY_OF, NEW_SKILL, type SkillState } from "./records.ts";
import type { FamilyName, Imported, ImportItem, Kept } from "./requests.ts";
import { RELATION_TYPES } from "./types.ts";
import type { SessionWriter } from "./writes.ts";

/**
 * World Weaver's export: `{episodes, entities, relations, skills}`, each a list of what its API answers. Things keep
 * their ids, times, accesses, stability and executions, so that the same import again adds nothing.
 */
const LISTS = ["episodes", "entities", "skills", "relations"] as const;
export type ImportList = (typeof LISTS)[number];

type Fields = Record<string, unknown>;

/** What became of an import. */
export interface ImportAnswer {
  added: number;
  already: number;
  refused: { list: ImportList; index: number; code: string; detail: string }[];
}

/**
 * The items of an import request, each checked by itself; things stand before the relations between them.
 * @throws Fault invalid_input with status 422 for the request's shape
 */
export function checkImport(value: unknown): ImportItem[] {
  return fields(value, "an import", (given) => {
    const items = LISTS.flatMap((list) =>
      optional<unknown[]>(given[list], [], (items) => field.array(items, list, LIMITS.importItems)).map(
        (one, index): ImportItem => ({ list, index, ...itemOf(list, one) }),
      ),
    );
    if (items.length > LIMITS.importItems) {
      throw invalid(`an import holds ${items.length} items; at most ${LIMITS.importItems} are allowed`);
    }
    return items;
  });
}

function itemOf(list: ImportList, value: unknown): Imported | { refused: string } {
  try {
    return fields(value, "an item", CHECKS[list]);
  } catch (error) {
    if (error instanceof Fault && error.code === "invalid_input") return { refused: error.message };
    throw error;
  }
}

const CHECKS: Record<ImportList, (given: Fields) => Imported> = {
  episodes: (given) => {
    const context = { ...contextOf(given), ...optional(given.context, {}, (of) => contextOf(of as Fields)) };
    const item = { ...episodeOf(given), context };
    return { family: "episode", id: id(given.id, "id"), item, kept: keptOf(given) };
  },
  entities: (given) => {
    const kept = {
      ...keptOf(given),
      ...optional<{ validFromMs?: number }>(given.valid_from, {}, (from) => ({
        validFromMs: moment(from, "valid_from"),
      })),
    };
    const from = kept.validFromMs ?? kept.createdMs;
    const ended = optional<{ endedMs?: number }>(given.valid_to, {}, (to) => ({
      endedMs: endOf(moment(to, "valid_to"), from),
    }));
    return { family: "entity", id: id(given.id, "id"), item: { ...entityOf(given), ...ended }, kept };
  },
  skills: (given) => ({
    family: "skill",
    id: id(given.id, "id"),
    item: skillOf({ ...given, task: given.task ?? given.name }),
    kept: keptOf(given),
    state: stateOf(given),
  }),
  relations: (given) => ({
    family: "relation",
    item: relationOf(given),
    co: optional(given.co_access_count, 0, (count) => whole(count, "co_access_count")),
  }),
};

/** When a fact ceased to hold. @throws Fault invalid_input when it never did */
function endOf(toMs: number, fromMs: number | undefined): number {
  if (fromMs !== undefined && toMs > fromMs) return toMs;
  const from = fromMs === undefined ? "absent" : formatTime(fromMs);
  throw invalid(
    `valid_to is ${formatTime(toMs)}; it must be after valid_from, else created_at, which is ${from}`,
  );
}

function whole(value: unknown, name: string): number {
  return field.integer(value, name, 0, Number.MAX_SAFE_INTEGER);
}

function keptOf(given: Fields): Kept {
  return {
    ...optional<Kept>(given.created_at, {}, (at) => ({ createdMs: moment(at, "created_at") })),
    ...optional<Kept>(given.access_count, {}, (count) => ({ accesses: whole(count, "access_count") })),
    ...optional<Kept>(given.last_accessed, {}, (at) => ({ accessedMs: moment(at, "last_accessed") })),
    ...optional<Kept>(given.stability, {}, (days) => ({ stability: stabilityOf(days) })),
  };
}

function stabilityOf(value: unknown): number {
  if (typeof value === "number" && value > 0 && value <= LIMITS.retentionDays) return value;
  throw invalid(
    `stability must be a number of days over 0, at most ${LIMITS.retentionDays}, got ${field.describe(value)}`,
  );
}

function stateOf(given: Fields): SkillState {
  return {
    rate: optional(given.success_rate, NEW_SKILL.rate, (rate) => field.share(rate, "success_rate")),
    executions: optional(given.execution_count, 0, (count) => whole(count, "execution_count")),
    lastMs: optional(given.last_executed, 0, (at) => moment(at, "last_executed")),
    deprecated: optional(given.deprecated, false, (is) => field.boolean(is, "deprecated")),
  };
}

/** Enters what is not there yet, in the running transaction; a refused item holds up no other. @throws Fault disk_full */
export function importItems(
  ctx: WriteContext,
  writer: SessionWriter,
  items: readonly ImportItem[],
): ImportAnswer {
  const answer: ImportAnswer = { added: 0, already: 0, refused: [] };
  for (const item of items) {
    const { list, index } = item;
    if ("refused" in item) {
      answer.refused.push({ list, index, code: "invalid_input", detail: item.refused });
      continue;
    }
    try {
      answer[enter(ctx, writer, item)] += 1;
    } catch (error) {
      if (!(error instanceof Fault) || error.status >= 500) throw error;
      answer.refused.push({ list, index, code: error.code, detail: error.message });
    }
  }
  return answer;
}

/** @throws Fault before anything is changed */
function enter(ctx: WriteContext, writer: SessionWriter, item: Imported): "added" | "already" {
  if (item.family === "relation") {
    const { source, target, type } = item.item;
    for (const end of [source, target]) writer.find("entity", end);
    const key = { source: idToBytes(source), target: idToBytes(target), type: RELATION_TYPES.indexOf(type) };
    if (findEdge(ctx.db, { world: writer.world!.id, ...key })) return "already";
    writer.relate(item.item, item.co);
    return "added";
  }
  if (isThere(ctx, writer, item.family, item.id)) return "already";
  if (item.family === "episode") writer.createEpisode(item.item, item.id, item.kept);
  else if (item.family === "entity") writer.createEntity(item.item, item.id, item.kept);
  else writer.createSkill(item.item, item.id, item.kept, item.state);
  return "added";
}

/** @throws Fault conflict (the id is another thing's), gone (it was forgotten) */
function isThere(ctx: WriteContext, writer: SessionWriter, family: FamilyName, id: string): boolean {
  const bytes = idToBytes(id);
  const there = findSubject(ctx, bytes);
  if (there && there.world === writer.world?.id && there.family === FAMILY_OF[family]) return true;
  if (there)
    throw new Fault("conflict", `the id ${bytesToId(bytes)} belongs to something else; give it another`);
  if (isForgotten(ctx.db, bytes)) {
    throw new Fault("gone", `${family} ${id} was forgotten, and an export does not bring it back`);
  }
  return false;
}
