import { bytesToId, equalBytes, type Fault, invalid, LIMITS } from "../base/mod.ts";
import type { RecallOptions } from "../recall/mod.ts";
import {
  countEdges,
  countSubjects,
  docFilter,
  edgesOf,
  FAMILY,
  findSubject,
  headOf,
  listSubjects,
  passes,
  type StoreReader,
  type SubjectRow,
  token,
  versionsOf,
  type WorldRow,
} from "../storage/mod.ts";
import { fitting } from "./fitting.ts";
import { weightNow } from "./hebbian.ts";
import {
  entityOf,
  episodeOf,
  FAMILY_OF,
  type Held,
  hasEnded,
  KIND_OF,
  label,
  skillOf,
  skillState,
} from "./records.ts";
import type { FamilyName } from "./requests.ts";
import { absent, find, worldName } from "./sessions.ts";
import { type Neighbour, spread } from "./spreading.ts";
import { CO_RETRIEVED, type MemorySettings, type Outcome, RELATION_TYPES } from "./types.ts";

/** What the reads of one session work with, on one snapshot. */
export interface SessionView {
  reader: StoreReader;
  session: string;
  settings: MemorySettings;
  options: RecallOptions;
}

/** The session's world; undefined before its first memory. */
export function worldOf({ reader, session }: SessionView): WorldRow | undefined {
  return reader.liveWorld(worldName(session));
}

/** @throws Fault not_found, storage_error */
export function held(view: SessionView, family: FamilyName, id: string): Held {
  return find(view.reader.db, worldOf(view), family, id);
}

export function episode(view: SessionView, id: string) {
  return episodeOf(held(view, "episode", id), view.session, view.settings, view.options.now);
}

/**
 * The version of an entity that held at a time, the newest without one. Of versions that hold from the same time the
 * last is a correction of the others. @throws Fault not_found, also before its first version and after its end
 */
export function entity(view: SessionView, id: string, atMs?: number) {
  const { subject, row } = held(view, "entity", id);
  if (atMs === undefined) return entityOf({ subject, row });
  const versions = versionsOf(view.reader.db, subject.id);
  const valid = versions.findLast((version) => version.ts_ms <= atMs);
  if (!valid || hasEnded({ row: valid }, atMs)) throw absent("entity", id);
  const next = versions.find((version) => version.ts_ms > valid.ts_ms);
  return entityOf({ subject, row: valid }, next?.ts_ms);
}

export function skill(view: SessionView, id: string) {
  return skillOf(held(view, "skill", id));
}

interface Page {
  labels: readonly string[];
  limit: number;
  offset?: number;
  /** Only these, which costs a look at each of the family. */
  keep?: (subject: SubjectRow) => boolean;
}

/**
 * Things of a family that carry all of some labels, newest first: a page of them, each read when it is taken, and how
 * many there are in all. @throws Fault storage_error when one of them is damaged
 */
function page(
  view: SessionView,
  family: FamilyName,
  { labels, limit, offset = 0, keep }: Page,
): [IteratorObject<Held>, number] {
  const world = worldOf(view);
  if (!world) return [Iterator.from<Held>([]), 0];
  const { reader } = view;
  const { db } = reader;
  if (labels.length === 0) {
    const of = { world: world.id, family: FAMILY_OF[family] };
    const kept = keep && listSubjects(db, of, Number.MAX_SAFE_INTEGER, 0).filter(keep);
    const subjects = kept ? kept.slice(offset, offset + limit) : listSubjects(db, of, limit, offset);
    return [
      subjects.values().map((subject) => ({ subject, row: headOf(db, subject) })),
      kept ? kept.length : countSubjects(db, of.world, of.family),
    ];
  }
  const read = (seq: number): Held | undefined => {
    const row = reader.atomBySeq(seq);
    const subject = row?.subject && findSubject({ db }, row.subject);
    return row && subject ? { subject, row } : undefined;
  };
  const tokens = labels.map((each) => token.label(world.id, each));
  const seqs = reader.holders(tokens, [], Number.MAX_SAFE_INTEGER);
  const filter = docFilter(world.id, { kinds: [KIND_OF[family]] });
  const all = reader
    .docsOf(world.id, seqs)
    .filter((doc) => passes(doc, filter))
    .sort((a, b) => b.ts_ms - a.ts_ms || b.seq - a.seq);
  const kept = keep
    ? all.filter(({ seq }) => {
        const one = read(seq);
        return one && keep(one.subject);
      })
    : all;
  const found = kept.slice(offset, offset + limit);
  return [
    found
      .values()
      .map(({ seq }) => read(seq))
      .filter((one) => one !== undefined),
    kept.length,
  ];
}

export interface EpisodeList {
  page: number;
  pageSize: number;
  project?: string;
  outcome?: Outcome;
}

export function episodes(view: SessionView, { page: number, pageSize, project, outcome }: EpisodeList) {
  const labels = [
    ...(project === undefined ? [] : [label.project(project)]),
    ...(outcome === undefined ? [] : [label.outcome(outcome)]),
  ];
  const from = (number - 1) * pageSize;
  const [found, total] = page(view, "episode", { labels, limit: pageSize, offset: from });
  return {
    episodes: fitting(
      found.map((each) => episodeOf(each, view.session, view.settings, view.options.now)),
      pageTooLarge,
    ),
    total,
    page: number,
    page_size: pageSize,
  };
}

/** A page that ended early would hide episodes from who turns pages. */
function pageTooLarge(): Fault {
  return invalid(
    `the episodes of this page have more than ${LIMITS.memoryAnswerBytes} bytes; ask with a smaller page_size`,
  );
}

export function entities(view: SessionView, labels: readonly string[], limit: number) {
  const [found, total] = page(view, "entity", { labels, limit });
  return { entities: fitting(found.map((each) => entityOf(each))), total };
}

/** Deprecated ones are left out unless asked for; `total` counts what is let in. */
export function skills(view: SessionView, labels: readonly string[], deprecated: boolean, limit: number) {
  const usable = (subject: SubjectRow): boolean => !skillState(subject).deprecated;
  const [found, total] = page(view, "skill", { labels, limit, ...(deprecated ? {} : { keep: usable }) });
  return { skills: fitting(found.map(skillOf)), total };
}

/** Stated relations of an entity with their weights now, heaviest first. */
export function relations(view: SessionView, id: string) {
  const { subject } = held(view, "entity", id);
  return edgesOf(view.reader.db, subject.world, subject.id, LIMITS.relationList)
    .filter((edge) => edge.type < CO_RETRIEVED)
    .map((edge) => ({
      source_id: bytesToId(edge.source),
      target_id: bytesToId(edge.target),
      relation_type: RELATION_TYPES[edge.type]!,
      weight: weightNow(edge, view.options.now),
      co_access_count: edge.co,
    }))
    .sort((a, b) => b.weight - a.weight);
}

/** What a subject is called while activation spreads: as text that costs little to make of the bytes of an edge's end. */
const nodeOf = (id: string): string => id.replaceAll("-", "");
const idOf = (node: string): string => bytesToId(Uint8Array.fromHex(node));

/** Neighbours of a node, each once, with the weight of all its ties. */
function neighbours({ reader, options }: SessionView, world: number, node: string): Neighbour[] {
  const id = Uint8Array.fromHex(node);
  const around = new Map<string, number>();
  for (const edge of edgesOf(reader.db, world, id, LIMITS.spreadFanOut)) {
    const other = (equalBytes(edge.source, id) ? edge.target : edge.source).toHex();
    if (other !== node) around.set(other, (around.get(other) ?? 0) + weightNow(edge, options.now));
  }
  return [...around].map(([other, weight]) => ({ id: other, weight }));
}

/** Activation that spreads from an entity, most active first; it flows through whatever is tied, entities are answered. */
export function activated(view: SessionView, id: string, depth: number, threshold: number) {
  const { subject } = held(view, "entity", id);
  const { db } = view.reader;
  const bounds = { depth, threshold, nodes: LIMITS.spreadNodes, passing: LIMITS.spreadPassing };
  const reached = spread(nodeOf(id), (from) => neighbours(view, subject.world, from), bounds);
  const entities = reached.values().flatMap((node) => {
    const there = findSubject({ db }, Uint8Array.fromHex(node.id));
    return there?.family === FAMILY.entity
      ? [{ ...node, entity: entityOf({ subject: there, row: headOf(db, there) }) }]
      : [];
  });
  const found = fitting(entities);
  return {
    entities: found.map((node) => node.entity),
    activations: found.map((node) => node.activation),
    paths: found.map((node) => node.path.map(idOf)),
  };
}

/** What reaches each of some entities in one step from the others. */
export function spreadAmong(view: SessionView, world: number, ids: readonly string[]): Map<string, number> {
  const among = new Map(ids.map((id) => [nodeOf(id), id]));
  const gained = new Map<string, number>();
  for (const node of among.keys()) {
    const around = neighbours(view, world, node);
    const total = around.reduce((sum, { weight }) => sum + weight, 0);
    for (const { id: other, weight } of around) {
      const id = among.get(other);
      if (id !== undefined && weight > 0) gained.set(id, (gained.get(id) ?? 0) + weight / total);
    }
  }
  return gained;
}

export function stats(view: SessionView) {
  const world = worldOf(view);
  const { db } = view.reader;
  const count = (family: number): number => (world ? countSubjects(db, world.id, family) : 0);
  return {
    session_id: view.session,
    episodic: { total_episodes: count(FAMILY.episode) },
    semantic: {
      total_entities: count(FAMILY.entity),
      total_relations: world ? countEdges(db, world.id, CO_RETRIEVED) : 0,
    },
    procedural: { total_skills: count(FAMILY.skill) },
  };
}
