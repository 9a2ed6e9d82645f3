import type { ImportList } from "./imports.ts";
import type { SkillState } from "./records.ts";
import type { Context, Domain, EntityType, Outcome, RelationType } from "./types.ts";

/** Checked requests of the memory family as they cross to a thread. Times are ms since the epoch, absent fields absent. */

export interface NewEpisode {
  content: string;
  context: Context;
  outcome: Outcome;
  emotionalValence: number;
  timestampMs?: number;
}
export type EpisodeChange = Partial<NewEpisode>;

export interface NewEntity {
  name: string;
  entityType: EntityType;
  summary: string;
  details?: string;
  source?: string;
}
export type EntityChange = Partial<NewEntity>;

/** An entity as its version keeps it. */
export interface StoredEntity extends NewEntity {
  /** When it ceased to hold with no other in its place; only imported ones have it. */
  endedMs?: number;
}

export interface NewRelation {
  source: string;
  target: string;
  type: RelationType;
  weight: number;
}

export interface NewStep {
  order: number;
  action: string;
  tool?: string;
  parameters?: Record<string, unknown>;
  expected_outcome?: string;
}

export interface NewSkill {
  name: string;
  domain: Domain;
  task: string;
  steps: NewStep[];
  script?: string;
  trigger_pattern?: string;
}
export type SkillChange = Partial<NewSkill>;

export interface EpisodeRecall {
  query: string;
  limit: number;
  /** 0 to 1. */
  minSimilarity: number;
  project?: string;
  outcome?: Outcome;
  explain: boolean;
}

export interface EntityRecall {
  query: string;
  limit: number;
  types?: EntityType[];
  explain: boolean;
}

export interface SkillRecall {
  query: string;
  domain?: Domain;
  limit: number;
  explain: boolean;
}

export interface EpisodeFeedback {
  ids: string[];
  query: string;
  /** 0 to 1. */
  outcome: number;
  /** By id, 0 to 1; one that is not named gets the outcome. */
  rewards: Record<string, number>;
}

export interface EntityFeedback {
  ids: string[];
  /** 0 to 1. */
  outcome: number;
  query?: string;
}

/** Which family an id is looked for in; values of FAMILY. */
export type FamilyName = "episode" | "entity" | "skill";

export type MemoryRead =
  | { op: "episode"; id: string }
  | { op: "episodes"; page: number; pageSize: number; project?: string; outcome?: Outcome }
  | { op: "recall_episodes"; recall: EpisodeRecall }
  | { op: "learning_stats" }
  | { op: "entity"; id: string; atMs?: number }
  | { op: "entities"; type?: EntityType; limit: number }
  | { op: "relations"; id: string }
  | { op: "recall_entities"; recall: EntityRecall }
  | { op: "spread"; id: string; depth: number; threshold: number }
  | { op: "skill"; id: string }
  | { op: "skills"; domain?: Domain; includeDeprecated: boolean; limit: number }
  | { op: "recall_skills"; recall: SkillRecall }
  | { op: "how_to"; query: string; domain?: Domain }
  | { op: "stats" };

/** What an imported thing brings of its past. */
export interface Kept {
  createdMs?: number;
  stability?: number;
  accesses?: number;
  accessedMs?: number;
}

/** A thing of an import with the id that it keeps, or a relation. */
export type Imported =
  | { family: "episode"; id: string; item: NewEpisode; kept: Kept }
  | { family: "entity"; id: string; item: StoredEntity; kept: Kept & { validFromMs?: number } }
  | { family: "skill"; id: string; item: NewSkill; kept: Kept; state: SkillState }
  | { family: "relation"; item: NewRelation; co: number };

/** An item of an import: what was checked, or why it was refused. */
export type ImportItem = { list: ImportList; index: number } & (Imported | { refused: string });

export type MemoryWrite =
  | { op: "create_episode"; item: NewEpisode }
  | { op: "change_episode"; id: string; change: EpisodeChange }
  | { op: "episode_feedback"; feedback: EpisodeFeedback }
  | { op: "create_entity"; item: NewEntity }
  | { op: "change_entity"; id: string; change: EntityChange }
  | { op: "supersede"; id: string; item: NewEntity }
  | { op: "relate"; item: NewRelation }
  | { op: "entity_feedback"; feedback: EntityFeedback }
  | { op: "create_skill"; item: NewSkill }
  | { op: "change_skill"; id: string; change: SkillChange }
  | { op: "execute"; id: string; success: boolean }
  | { op: "deprecate"; id: string; replacement?: string }
  | { op: "forget"; family: FamilyName; id: string; by: string }
  | { op: "import"; items: ImportItem[] }
  /** One piece of it: to be sent until the answer says that it is done. */
  | { op: "consolidate"; deep: boolean; by: string };
