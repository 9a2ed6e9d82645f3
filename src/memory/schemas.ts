import { OptionalKind, type TSchema, Type } from "@sinclair/typebox";
import { oneOf } from "../atom/mod.ts";
import { LIMITS } from "../base/mod.ts";
import { CONTEXT_FIELDS, DOMAINS, ENTITY_TYPES, OUTCOMES, RELATION_TYPES } from "./types.ts";

/** Schemas of the memory family for the OpenAPI document; the rules in checks.ts are the same with better sentences. */

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/** A field that may be left out; null means the same. */
const optional = <T extends TSchema>(schema: T) => Type.Optional(Nullable(schema));
const text = (max: number, description: string) => Type.String({ minLength: 1, maxLength: max, description });
const loose = (max: number, description: string) => Type.String({ maxLength: max, description });
const Share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });
const Time = (description: string) => Type.String({ format: "date-time", description });
const Id = (description: string) => Type.String({ format: "uuid", description });
const Count = (description: string) =>
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });
/** The same fields, each of which may be left out or null. */
const subset = (schema: { properties: Record<string, TSchema> }) =>
  Type.Object(
    Object.fromEntries(
      Object.entries(schema.properties).map(([name, one]) => [
        name,
        OptionalKind in one ? one : optional(one),
      ]),
    ),
  );

const Outcome = oneOf(OUTCOMES, "How it went.");
const EntityType = oneOf(ENTITY_TYPES, "What sort of thing it is.");
const Domain = oneOf(DOMAINS, "What field the skill belongs to.");
const Explain = optional(Type.Boolean({ description: "Answer the parts of every score too." }));
const Query = text(LIMITS.memoryQueryChars, "What is looked for, in plain words.");
const limit = (otherwise: number, most: number) =>
  optional(Type.Integer({ minimum: 1, maximum: most, description: `${otherwise} when absent.` }));

export const NewEpisode = Type.Object({
  content: text(LIMITS.episodeChars, "What happened."),
  project: optional(loose(500, "Project in which it happened.")),
  file: optional(loose(1000, "File that it was about.")),
  tool: optional(loose(200, "Tool that was used.")),
  outcome: optional(oneOf(OUTCOMES, "neutral when absent.")),
  emotional_valence: optional(Share("Importance; 0.5 when absent.")),
  timestamp: optional(Time("When it happened; now when absent. A time without an offset is taken as UTC.")),
});
export const EpisodeChange = subset(NewEpisode);

export const Episode = Type.Object({
  id: Id("Id of the episode, through all its versions."),
  session_id: Type.String(),
  content: Type.String(),
  timestamp: Time("When it happened."),
  outcome: Outcome,
  emotional_valence: Share("Importance."),
  context: Type.Object(Object.fromEntries(CONTEXT_FIELDS.map((name) => [name, Nullable(Type.String())]))),
  access_count: Count("How often it was of use."),
  stability: Type.Number({
    description: "Days until its retrievability has fallen to the retention target.",
  }),
  retrievability: Share("Probability that it is still recalled."),
});

export const EpisodeList = Type.Object({
  episodes: Type.Array(Episode, { description: "Newest first." }),
  total: Count("Episodes that fit, on all pages."),
  page: Type.Integer({ minimum: 1 }),
  page_size: Type.Integer({ minimum: 1 }),
});

const explained = Type.Optional(
  Type.Array(
    Type.Object({ id: Type.String(), score: Type.Number() }, { additionalProperties: Type.Number() }),
    {
      description: "With `explain`: each score in its parts, and the similarity.",
    },
  ),
);
const Scores = Type.Array(Type.Number(), { description: "Aligned with the memories." });

export const EpisodeRecall = Type.Object({
  query: Query,
  limit: limit(LIMITS.askDefault, LIMITS.askLimit),
  min_similarity: optional(Share("Least likeness to the query; 0.5 when absent.")),
  project: optional(loose(500, "Only of this project.")),
  outcome: optional(Outcome),
  explain: Explain,
});
export const EpisodesFound = Type.Object({
  query: Type.String(),
  episodes: Type.Array(Episode, { description: "Best first." }),
  scores: Scores,
  explain: explained,
});

export const NewEntity = Type.Object({
  name: text(LIMITS.nameChars, "Its name."),
  entity_type: EntityType,
  summary: text(LIMITS.summaryChars, "What it is, in short."),
  details: optional(loose(LIMITS.episodeChars, "More about it.")),
  source: optional(loose(LIMITS.nameChars, "Where this is known from.")),
});
export const EntityChange = subset(NewEntity);

export const Entity = Type.Object({
  id: Id("Id of the entity, through all its versions."),
  name: Type.String(),
  entity_type: EntityType,
  summary: Type.String(),
  details: Nullable(Type.String()),
  source: Nullable(Type.String()),
  stability: Type.Number(),
  access_count: Count("How often it was of use."),
  created_at: Time("When it was made."),
  valid_from: Time("Since when this holds."),
  valid_to: Nullable(Time("Until when it held; null for what holds now.")),
});
export const EntityList = Type.Object({ entities: Type.Array(Entity), total: Count("Entities that fit.") });

export const NewRelation = Type.Object({
  source_id: Id("Entity that the relation begins at."),
  target_id: Id("Entity that it leads to."),
  relation_type: oneOf(RELATION_TYPES, "How the first stands to the second."),
  weight: optional(Share("Strength of the tie; 0.1 when absent.")),
});
export const Relation = Type.Object({
  source_id: Id("Entity that the relation begins at."),
  target_id: Id("Entity that it leads to."),
  relation_type: oneOf(RELATION_TYPES, "How the first stands to the second."),
  weight: Share("Strength of the tie."),
  co_access_count: Count("How often both were recalled together."),
});
export const RelationList = Type.Array(Relation, { description: "Heaviest first." });

export const EntityRecall = Type.Object({
  query: Query,
  limit: limit(LIMITS.askDefault, LIMITS.askLimit),
  entity_types: optional(
    Type.Array(EntityType, { maxItems: LIMITS.listItems, description: "Any of these types." }),
  ),
  explain: Explain,
});
export const EntitiesFound = Type.Object({
  query: Type.String(),
  entities: Type.Array(Entity, { description: "Best first." }),
  scores: Scores,
  explain: explained,
});

const Ids = (description: string) =>
  Type.Array(Id("Id."), { minItems: 1, maxItems: LIMITS.feedbackIds, description });
export const EpisodeFeedback = Type.Object({
  episode_ids: Ids("The episodes that the answer was made of."),
  query: Query,
  outcome_score: Share("What the answer was worth; from one half on it helped."),
  per_memory_rewards: optional(
    Type.Record(Type.String(), Share("Reward."), {
      propertyNames: { format: "uuid" },
      maxProperties: LIMITS.feedbackIds,
      description: "By id, what each was worth; one that is not named gets the outcome.",
    }),
  ),
});
export const EpisodeLesson = Type.Object({
  reconsolidated_count: Count("Episodes that the feedback was about."),
  fusion_loss: Share("Mean square of the surprises."),
  avg_rpe: Type.Number({ description: "Mean surprise: reward less expectation, -1 to 1." }),
  positive_surprises: Count("Episodes that were worth notably more than expected."),
  negative_surprises: Count("Episodes that were worth notably less."),
  three_factor_stats: Type.Object({
    enabled: Type.Boolean(),
    avg_eligibility: Share("How much the episodes speak of the question."),
    avg_surprise: Share("Mean size of the surprises."),
    outcome: Share("As given."),
    avg_learning_rate: Share("Mean share of a change of strength that was taken."),
  }),
});
export const LearningStats = Type.Object({
  total_feedbacks: Count("Feedback given in the session."),
  total_updates: Count("Memories that it was about, summed up."),
  strengthened: Count("Of these, how many had helped."),
  weakened: Count("And how many had not."),
  positive_surprises: Count("Notably more than expected."),
  negative_surprises: Count("Notably less."),
  avg_rpe: Type.Number({ description: "Mean surprise, -1 to 1." }),
  avg_loss: Share("Mean square of the surprises."),
  avg_eligibility: Share("Mean eligibility."),
  avg_learning_rate: Share("Mean share of a change that was taken."),
  hebbian_updates: Count("Changes of ties."),
  last_feedback: Nullable(Time("When the last one came.")),
});
export const EntityFeedback = Type.Object({
  entity_ids: Ids("The entities that the answer was made of."),
  outcome_score: Share("What the answer was worth; from one half on it helped."),
  query: optional(Query),
});
export const EntityLesson = Type.Object({
  strengthened_count: Count("Ties that became stronger."),
  weakened_count: Count("Ties that became weaker."),
  avg_delta: Type.Number({ description: "Mean change of their weights." }),
});

export const SpreadRequest = Type.Object({
  entity_id: Id("Entity that is activated."),
  depth: optional(Type.Integer({ minimum: 1, maximum: 5, description: "Steps; 2 when absent." })),
  threshold: optional(Share("Least activation that counts; 0.1 when absent.")),
});
export const Activation = Type.Object({
  entities: Type.Array(Entity, { description: "The start first, then the most active." }),
  activations: Type.Array(Type.Number(), { description: "Aligned with the entities." }),
  paths: Type.Array(Type.Array(Type.String()), {
    description: "Ids from the start to each, along its strongest path.",
  }),
});

const NewStep = Type.Object({
  order: Type.Integer({ minimum: 1, maximum: LIMITS.skillSteps }),
  action: text(LIMITS.summaryChars, "What to do."),
  tool: optional(loose(LIMITS.nameChars, "With what.")),
  parameters: optional(Type.Record(Type.String(), Type.Unknown())),
  expected_outcome: optional(loose(LIMITS.summaryChars, "What should come of it.")),
});
export const NewSkill = Type.Object({
  name: text(LIMITS.nameChars, "Its name."),
  domain: Domain,
  task: text(LIMITS.summaryChars, "What it is good for."),
  steps: optional(Type.Array(NewStep, { maxItems: LIMITS.skillSteps, description: "What to do, in order." })),
  script: optional(loose(LIMITS.episodeChars, "The whole as a script.")),
  trigger_pattern: optional(loose(LIMITS.triggerChars, "When to use it.")),
});
export const SkillChange = subset(NewSkill);

export const Skill = Type.Object({
  id: Id("Id of the skill, through all its versions."),
  name: Type.String(),
  domain: Domain,
  trigger_pattern: Nullable(Type.String()),
  steps: Type.Array(
    Type.Object({
      order: Type.Integer(),
      action: Type.String(),
      tool: Nullable(Type.String()),
      parameters: Type.Record(Type.String(), Type.Unknown()),
      expected_outcome: Nullable(Type.String()),
    }),
  ),
  script: Nullable(Type.String()),
  success_rate: Share("Part of the executions that succeeded; 1 before the first."),
  execution_count: Count("Executions."),
  last_executed: Nullable(Time("Last execution.")),
  version: Type.Integer({ minimum: 1, description: "Counts its changes." }),
  deprecated: Type.Boolean(),
  created_at: Time("When it was made."),
});
export const SkillRecall = Type.Object({
  query: Query,
  domain: optional(Domain),
  limit: limit(5, LIMITS.askLimit),
  explain: Explain,
});
export const SkillList = Type.Object({
  skills: Type.Array(Skill),
  total: Count("Skills that fit."),
  explain: explained,
});
export const Execution = Type.Object({
  success: Type.Boolean({ description: "Whether it went well." }),
  duration_ms: optional(Count("How long it took.")),
  notes: optional(loose(LIMITS.episodeChars, "A remark; it is not kept.")),
});
export const HowTo = Type.Object({
  query: Type.String(),
  skill: Nullable(Skill),
  steps: Type.Array(Type.String(), { description: "What to do, a sentence a step." }),
  confidence: Share("How well the skill fits; 0 when there is none."),
});

/** Of any form: an item that cannot be taken is refused by itself, in the answer. */
const Items = (what: string) =>
  optional(
    Type.Array(Type.Unknown(), { maxItems: LIMITS.importItems, description: `${what} as GET answers them.` }),
  );
export const ImportRequest = Type.Object(
  {
    episodes: Items("Episodes"),
    entities: Items("Entities"),
    skills: Items("Skills, with their `task`,"),
    relations: Items("Relations"),
  },
  { description: `At most ${LIMITS.importItems} items in all.` },
);
export const ImportAnswer = Type.Object({
  added: Count("Items that are new."),
  already: Count("Items that were there."),
  refused: Type.Array(
    Type.Object({
      list: oneOf(["episodes", "entities", "skills", "relations"], "Where it stands."),
      index: Count("Position there, from 0."),
      code: Type.String(),
      detail: Type.String({ description: "Why." }),
    }),
  ),
});

export const ConsolidationRequest = Type.Object({
  deep: optional(
    Type.Boolean({
      description:
        "Make candidates of what belongs together in the last 7 days; else merge duplicates of the last 24 hours.",
    }),
  ),
});

export const ConsolidationAnswer = Type.Object({
  success: Type.Boolean(),
  type: oneOf(["light", "deep"], "What was done."),
  results: Type.Object({
    examined: Count("Episodes that were looked at."),
    merged: Count("Episodes that another one now supersedes."),
    entities_created: Count("Entities made of clusters of episodes."),
    skills_created: Count("Skills made of clusters of episodes."),
    episodes_linked: Count("Episodes tied to the entity or skill that they went into."),
    ties_pruned: Count("Ties between what was recalled together that had faded away."),
  }),
});

export const Stats = Type.Object({
  session_id: Type.String(),
  episodic: Type.Object({ total_episodes: Count("Episodes.") }),
  semantic: Type.Object({ total_entities: Count("Entities."), total_relations: Count("Stated relations.") }),
  procedural: Type.Object({ total_skills: Count("Skills.") }),
});
