import type { NewAtom } from "../atom/mod.ts";
import { bytesToId, Fault, formatTime, LIMITS, utf8Length } from "../base/mod.ts";
import { type AtomRow, FAMILY, type SubjectRow } from "../storage/mod.ts";
import type { NewEpisode, NewSkill, NewStep, StoredEntity } from "./requests.ts";
import { retrievabilityOf } from "./strength.ts";
import {
  CONTEXT_FIELDS,
  type Context,
  type Domain,
  type Entity,
  type EntityType,
  type Episode,
  type MemorySettings,
  type Outcome,
  type Skill,
} from "./types.ts";

/**
 * How the things of the family lie in atoms. The kind of an atom tells its family apart inside a session's world, so
 * that the ranker's own filter keeps the others out; what lists and recalls filter by is a label.
 */
export const KIND_OF = { episode: "observation", entity: "reflection", skill: "plan" } as const;

/** The worker of all of them: it has no word in it, so that no question names it. */
const WORKER = "~";

/** A thing with its newest (or an older) version. */
export interface Held {
  subject: SubjectRow;
  row: AtomRow;
}

export const label = {
  outcome: (outcome: Outcome): string => `outcome:${outcome}`,
  /** Long names are cut, since labels are; the record itself holds the whole. */
  project: (project: string): string => `project:${project.slice(0, LIMITS.listItemChars - 8)}`,
  type: (type: EntityType): string => `type:${type}`,
  domain: (domain: Domain): string => `domain:${domain}`,
};

function labelled<T extends string>(row: AtomRow, prefix: string): T {
  const labels: string[] = row.labels === null ? [] : JSON.parse(row.labels);
  const found = labels.find((each) => each.startsWith(prefix));
  if (found !== undefined) return found.slice(prefix.length) as T;
  throw new Fault("storage_error", `the atom ${bytesToId(row.id)} is no memory of its family`);
}

interface Facts {
  world: string;
  kind: NewAtom["kind"];
  payload: unknown;
  labels: string[];
  importance?: number;
  timestampMs?: number | undefined;
}

/** @throws Fault payload_too_large */
function atomOf({ world, kind, payload, labels, importance, timestampMs }: Facts): NewAtom {
  const payload_json = JSON.stringify(payload);
  if (utf8Length(payload_json) > LIMITS.payloadBytes) {
    throw new Fault(
      "payload_too_large",
      `the memory has more than ${LIMITS.payloadBytes} bytes as JSON; shorten it`,
    );
  }
  const atom: NewAtom = { world, worker: WORKER, kind, payload_json, labels };
  if (importance !== undefined) atom.importance = importance;
  if (timestampMs !== undefined) atom.timestamp = formatTime(timestampMs);
  return atom;
}

export function episodeAtom(world: string, episode: NewEpisode): NewAtom {
  const { content, context, outcome, emotionalValence, timestampMs } = episode;
  const labels = [label.outcome(outcome)];
  if (context.project) labels.push(label.project(context.project));
  const payload = { content, context };
  return atomOf({ world, kind: KIND_OF.episode, payload, labels, importance: emotionalValence, timestampMs });
}

/** What an episode's version says, to be changed and stored anew. */
export function storedEpisode({ subject, row }: Held): NewEpisode {
  const { content, context } = JSON.parse(row.payload) as { content: string; context: Context };
  const outcome = labelled<Outcome>(row, "outcome:");
  return { content, context, outcome, emotionalValence: row.importance, timestampMs: subject.ts_ms };
}

export function episodeOf(held: Held, session: string, settings: MemorySettings, now: number): Episode {
  const { subject, row } = held;
  const { content, context, outcome, emotionalValence } = storedEpisode(held);
  return {
    id: bytesToId(subject.id),
    session_id: session,
    content,
    timestamp: formatTime(row.ts_ms),
    outcome,
    emotional_valence: emotionalValence,
    context: Object.fromEntries(
      CONTEXT_FIELDS.map((name) => [name, context[name] ?? null]),
    ) as Episode["context"],
    access_count: subject.accesses,
    stability: subject.stability,
    retrievability: retrievabilityOf(subject, settings, now),
  };
}

export function entityAtom(world: string, entity: StoredEntity, validFromMs?: number): NewAtom {
  const { entityType, ...payload } = entity;
  return atomOf({
    world,
    kind: KIND_OF.entity,
    payload,
    labels: [label.type(entityType)],
    timestampMs: validFromMs,
  });
}

export function storedEntity({ row }: Pick<Held, "row">): StoredEntity {
  const payload = JSON.parse(row.payload) as Omit<StoredEntity, "entityType">;
  return { ...payload, entityType: labelled<EntityType>(row, "type:") };
}

/** Whether what a version says of an entity held until then, or before, and no longer. */
export function hasEnded(held: Pick<Held, "row">, atMs: number): boolean {
  return (storedEntity(held).endedMs ?? Number.POSITIVE_INFINITY) <= atMs;
}

/** @param nextMs when a newer fact took this one's place, if one did */
export function entityOf(held: Held, nextMs?: number): Entity {
  const { subject, row } = held;
  const { name, entityType, summary, details, source, endedMs } = storedEntity(held);
  const validToMs = Math.min(endedMs ?? Number.POSITIVE_INFINITY, nextMs ?? Number.POSITIVE_INFINITY);
  return {
    id: bytesToId(subject.id),
    name,
    entity_type: entityType,
    summary,
    details: details ?? null,
    source: source ?? null,
    stability: subject.stability,
    access_count: subject.accesses,
    created_at: formatTime(subject.created_ms),
    valid_from: formatTime(row.ts_ms),
    valid_to: Number.isFinite(validToMs) ? formatTime(validToMs) : null,
  };
}

export function skillAtom(world: string, skill: NewSkill): NewAtom {
  const { domain, ...payload } = skill;
  return atomOf({ world, kind: KIND_OF.skill, payload, labels: [label.domain(domain)] });
}

export function storedSkill({ row }: Pick<Held, "row">): NewSkill {
  const payload = JSON.parse(row.payload) as Omit<NewSkill, "domain">;
  return { ...payload, domain: labelled<Domain>(row, "domain:") };
}

/** What changes with each execution of a skill, in its subject's `state`. */
export interface SkillState {
  /** Running mean of successes; 1 before the first execution, as World Weaver has it. */
  rate: number;
  executions: number;
  /** 0 = never. */
  lastMs: number;
  deprecated: boolean;
  /** Id of the skill to use instead. */
  replacement?: string;
}

export const NEW_SKILL: SkillState = { rate: 1, executions: 0, lastMs: 0, deprecated: false };

export function skillState(subject: SubjectRow): SkillState {
  return subject.state === "" ? NEW_SKILL : { ...NEW_SKILL, ...JSON.parse(subject.state) };
}

export function skillOf(held: Held): Skill {
  const { subject } = held;
  const { name, domain, trigger_pattern, steps, script } = storedSkill(held);
  const state = skillState(subject);
  return {
    id: bytesToId(subject.id),
    name,
    domain,
    trigger_pattern: trigger_pattern ?? null,
    steps: steps.map(stepOf),
    script: script ?? null,
    success_rate: state.rate,
    execution_count: state.executions,
    last_executed: state.lastMs === 0 ? null : formatTime(state.lastMs),
    version: subject.version,
    deprecated: state.deprecated,
    created_at: formatTime(subject.created_ms),
  };
}

function stepOf({ order, action, tool, parameters, expected_outcome }: NewStep): Skill["steps"][number] {
  return {
    order,
    action,
    tool: tool ?? null,
    parameters: parameters ?? {},
    expected_outcome: expected_outcome ?? null,
  };
}

export const FAMILY_OF = { episode: FAMILY.episode, entity: FAMILY.entity, skill: FAMILY.skill } as const;
