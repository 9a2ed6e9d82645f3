import { field } from "../atom/mod.ts";
import { Fault, invalid, isId, LIMITS, parseTime, unprocessable } from "../base/mod.ts";
import type {
  EntityChange,
  EntityFeedback,
  EntityRecall,
  EpisodeChange,
  EpisodeFeedback,
  EpisodeRecall,
  NewEntity,
  NewEpisode,
  NewRelation,
  NewSkill,
  NewStep,
  SkillChange,
  SkillRecall,
} from "./requests.ts";
import { type Context, DOMAINS, ENTITY_TYPES, OUTCOMES, RELATION_TYPES } from "./types.ts";

/**
 * Checks of the memory family's bodies. null means absent, unknown fields are passed over, and what is wrong with a
 * field is 422; each throws Fault invalid_input.
 */

type Fields = Record<string, unknown>;

/** Runs a check of fields: its refusal is 422. @throws Fault invalid_input with status 422 */
export function fields<T>(value: unknown, what: string, check: (given: Fields) => T): T {
  try {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw invalid(`${what} must be an object, got ${field.describe(value)}`);
    }
    return check(value as Fields);
  } catch (error) {
    if (error instanceof Fault && error.code === "invalid_input") throw unprocessable(error.message);
    throw error;
  }
}

function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** The result of `check` for a field that is there, else `otherwise`. */
export function optional<T>(value: unknown, otherwise: T, check: (value: unknown) => T): T {
  return present(value) ? check(value) : otherwise;
}

const text = (value: unknown, name: string, max: number): string => field.text(value, name, 1, max);
const query = (value: unknown): string => text(value, "query", LIMITS.memoryQueryChars);
const outcome = (value: unknown) => field.oneOfWords(value, "outcome", OUTCOMES);
const domain = (value: unknown) => field.oneOfWords(value, "domain", DOMAINS);
const type = (value: unknown) => field.oneOfWords(value, "entity_type", ENTITY_TYPES);

/** A UUID in lower case. */
export function id(value: unknown, name: string): string {
  if (typeof value === "string" && isId(value)) return value.toLowerCase();
  throw invalid(`${name} must be a UUID, got ${field.describe(value)}`);
}

/** A time; without an offset it is read as UTC, since World Weaver's clients send it so. */
export function moment(value: unknown, name: string): number {
  const naive = typeof value === "string" && parseTime(`${value}Z`) !== undefined;
  return field.time(naive ? `${value}Z` : value, name);
}

/** Sets each field of `change` that is there. */
function take<T>(
  change: T,
  given: Fields,
  checks: { [K in keyof T]?: [string, (value: unknown) => T[K]] },
): T {
  for (const key of Object.keys(checks) as (keyof T)[]) {
    const [name, check] = checks[key]!;
    if (present(given[name])) change[key] = check(given[name]);
  }
  return change;
}

const CONTEXT_CHARS = {
  project: 500,
  file: 1000,
  tool: 200,
  cwd: 1000,
  git_branch: 500,
  timestamp_local: 64,
};

/** @param given fields of the request itself, or of an exported episode's `context` */
export function contextOf(given: Fields): Context {
  const context: Context = {};
  for (const [name, max] of Object.entries(CONTEXT_CHARS) as [keyof Context, number][]) {
    if (present(given[name])) context[name] = field.text(given[name], name, 0, max);
  }
  return context;
}

export function episodeOf(given: Fields): NewEpisode {
  const content = text(given.content, "content", LIMITS.episodeChars);
  const more = changeOfEpisode(given);
  return { outcome: "neutral", emotionalValence: 0.5, context: {}, ...more, content };
}

function changeOfEpisode(given: Fields): EpisodeChange {
  const change = take<EpisodeChange>({}, given, {
    content: ["content", (value) => text(value, "content", LIMITS.episodeChars)],
    outcome: ["outcome", outcome],
    emotionalValence: ["emotional_valence", (value) => field.share(value, "emotional_valence")],
    timestampMs: ["timestamp", (value) => moment(value, "timestamp")],
  });
  const context = contextOf(given);
  return Object.keys(context).length > 0 ? { ...change, context } : change;
}

export function entityOf(given: Fields): NewEntity {
  const name = text(given.name, "name", LIMITS.nameChars);
  const entityType = type(given.entity_type);
  return {
    ...changeOfEntity(given),
    name,
    entityType,
    summary: text(given.summary, "summary", LIMITS.summaryChars),
  };
}

function changeOfEntity(given: Fields): EntityChange {
  return take<EntityChange>({}, given, {
    name: ["name", (value) => text(value, "name", LIMITS.nameChars)],
    entityType: ["entity_type", type],
    summary: ["summary", (value) => text(value, "summary", LIMITS.summaryChars)],
    details: ["details", (value) => field.text(value, "details", 0, LIMITS.episodeChars)],
    source: ["source", (value) => field.text(value, "source", 0, LIMITS.nameChars)],
  });
}

export function relationOf(given: Fields): NewRelation {
  return {
    source: id(given.source_id, "source_id"),
    target: id(given.target_id, "target_id"),
    type: field.oneOfWords(given.relation_type, "relation_type", RELATION_TYPES),
    weight: optional(given.weight, 0.1, (value) => field.share(value, "weight")),
  };
}

function step(value: unknown, at: string): NewStep {
  if (typeof value !== "object" || value === null) throw invalid(`${at} must be an object`);
  const given = value as Fields;
  const made: NewStep = {
    order: field.integer(given.order, `${at}.order`, 1, LIMITS.skillSteps),
    action: text(given.action, `${at}.action`, LIMITS.summaryChars),
  };
  return take(made, given, {
    tool: ["tool", (tool) => field.text(tool, `${at}.tool`, 0, LIMITS.nameChars)],
    parameters: ["parameters", (parameters) => record(parameters, `${at}.parameters`)],
    expected_outcome: [
      "expected_outcome",
      (expected) => field.text(expected, `${at}.expected_outcome`, 0, LIMITS.summaryChars),
    ],
  });
}

function record(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(`${at} must be an object, got ${field.describe(value)}`);
}

/** Steps in their order. */
function steps(value: unknown): NewStep[] {
  const given = field.array(value, "steps", LIMITS.skillSteps);
  return given.map((one, at) => step(one, `steps[${at}]`)).sort((a, b) => a.order - b.order);
}

export function skillOf(given: Fields): NewSkill {
  return {
    steps: [],
    ...changeOfSkill(given),
    name: text(given.name, "name", LIMITS.nameChars),
    domain: domain(given.domain),
    task: text(given.task, "task", LIMITS.summaryChars),
  };
}

function changeOfSkill(given: Fields): SkillChange {
  return take<SkillChange>({}, given, {
    name: ["name", (value) => text(value, "name", LIMITS.nameChars)],
    domain: ["domain", domain],
    task: ["task", (value) => text(value, "task", LIMITS.summaryChars)],
    steps: ["steps", steps],
    script: ["script", (value) => field.text(value, "script", 0, LIMITS.episodeChars)],
    trigger_pattern: [
      "trigger_pattern",
      (value) => field.text(value, "trigger_pattern", 0, LIMITS.triggerChars),
    ],
  });
}

function ids(value: unknown, name: string): string[] {
  const list = field.array(value, name, LIMITS.feedbackIds).map((one, at) => id(one, `${name}[${at}]`));
  if (list.length > 0) return list;
  throw invalid(`${name} must name at least one memory`);
}

function rewards(value: unknown): Record<string, number> {
  return fields(value, "per_memory_rewards", (given) => {
    const named = Object.entries(given);
    if (named.length > LIMITS.feedbackIds)
      throw invalid(
        `per_memory_rewards names ${named.length} memories; at most ${LIMITS.feedbackIds} are allowed`,
      );
    return Object.fromEntries(
      named.map(([key, share]) => [id(key, "per_memory_rewards"), field.share(share, "per_memory_rewards")]),
    );
  });
}

const explain = (given: Fields): boolean =>
  optional(given.explain, false, (value) => field.boolean(value, "explain"));

const limit = (given: Fields, otherwise: number, most: number): number =>
  optional(given.limit, otherwise, (value) => field.integer(value, "limit", 1, most));

/** Checks of whole bodies. @throws Fault invalid_input with status 422 */
export const checks = {
  newEpisode: (value: unknown): NewEpisode => fields(value, "an episode", episodeOf),
  episodeChange: (value: unknown): EpisodeChange => fields(value, "an episode", changeOfEpisode),
  newEntity: (value: unknown): NewEntity => fields(value, "an entity", entityOf),
  entityChange: (value: unknown): EntityChange => fields(value, "an entity", changeOfEntity),
  newRelation: (value: unknown): NewRelation => fields(value, "a relation", relationOf),
  newSkill: (value: unknown): NewSkill => fields(value, "a skill", skillOf),
  skillChange: (value: unknown): SkillChange => fields(value, "a skill", changeOfSkill),
  episodeRecall: (value: unknown): EpisodeRecall =>
    fields(value, "a recall", (given) => ({
      query: query(given.query),
      limit: limit(given, LIMITS.askDefault, LIMITS.askLimit),
      minSimilarity: optional(given.min_similarity, 0.5, (least) => field.share(least, "min_similarity")),
      ...take<{ project?: string; outcome?: EpisodeRecall["outcome"] }>({}, given, {
        project: ["project", (project) => field.text(project, "project", 0, CONTEXT_CHARS.project)],
        outcome: ["outcome", outcome],
      }),
      explain: explain(given),
    })) as EpisodeRecall,
  entityRecall: (value: unknown): EntityRecall =>
    fields(value, "a recall", (given) => ({
      query: query(given.query),
      limit: limit(given, LIMITS.askDefault, LIMITS.askLimit),
      ...optional<{ types?: EntityRecall["types"] & {} }>(given.entity_types, {}, (types) => ({
        types: field.list(types, "entity_types", type),
      })),
      explain: explain(given),
    })),
  episodeFeedback: (value: unknown): EpisodeFeedback =>
    fields(value, "feedback", (given) => ({
      ids: ids(given.episode_ids, "episode_ids"),
      query: query(given.query),
      outcome: field.share(given.outcome_score, "outcome_score"),
      rewards: optional(given.per_memory_rewards, {}, rewards),
    })),
  entityFeedback: (value: unknown): EntityFeedback =>
    fields(value, "feedback", (given) => ({
      ids: ids(given.entity_ids, "entity_ids"),
      outcome: field.share(given.outcome_score, "outcome_score"),
      ...optional<{ query?: string }>(given.query, {}, (text) => ({ query: query(text) })),
    })),
  spread: (value: unknown): { id: string; depth: number; threshold: number } =>
    fields(value, "a request", (given) => ({
      id: id(given.entity_id, "entity_id"),
      depth: optional(given.depth, 2, (depth) => field.integer(depth, "depth", 1, 5)),
      threshold: optional(given.threshold, 0.1, (least) => field.share(least, "threshold")),
    })),
  skillRecall: (value: unknown): SkillRecall =>
    fields(value, "a recall", (given) => ({
      query: query(given.query),
      ...optional<{ domain?: SkillRecall["domain"] & {} }>(given.domain, {}, (one) => ({
        domain: domain(one),
      })),
      limit: limit(given, 5, LIMITS.askLimit),
      explain: explain(given),
    })),
  consolidation: (value: unknown): { deep: boolean } =>
    fields(value, "a consolidation", (given) => ({
      deep: optional(given.deep, false, (deep) => field.boolean(deep, "deep")),
    })),
  execution: (value: unknown): { success: boolean } =>
    fields(value, "an execution", (given) => {
      optional(given.duration_ms, 0, (ms) => field.integer(ms, "duration_ms", 0, Number.MAX_SAFE_INTEGER));
      optional(given.notes, "", (notes) => field.text(notes, "notes", 0, LIMITS.episodeChars));
      return { success: field.boolean(given.success, "success") };
    }),
} as const;
