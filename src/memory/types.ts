/** The things of the memory family as they are answered, field for field as World Weaver names them. */

export const OUTCOMES = ["success", "failure", "partial", "neutral"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const ENTITY_TYPES = ["CONCEPT", "PERSON", "PROJECT", "TOOL", "TECHNIQUE", "FACT"] as const;
export type EntityType = (typeof ENTITY_TYPES)[number];

export const RELATION_TYPES = [
  ...["USES", "PRODUCES", "REQUIRES", "CAUSES", "PART_OF", "SIMILAR_TO"],
  ...["IMPLEMENTS", "IMPROVES_ON", "CONSOLIDATED_INTO", "SOURCE_OF"],
] as const;
export type RelationType = (typeof RELATION_TYPES)[number];
/**
 * Number in `edge.type` of a tie that grew because both ends were recalled together. It is no relation that anybody
 * stated: relations do not list it, activation spreads along it.
 */
export const CO_RETRIEVED = RELATION_TYPES.length;

export const DOMAINS = ["coding", "research", "trading", "devops", "writing"] as const;
export type Domain = (typeof DOMAINS)[number];

/** Fields that say where an episode happened. */
export const CONTEXT_FIELDS = ["project", "file", "tool", "cwd", "git_branch", "timestamp_local"] as const;
export type Context = Partial<Record<(typeof CONTEXT_FIELDS)[number], string>>;

export interface Episode {
  id: string;
  session_id: string;
  content: string;
  timestamp: string;
  outcome: Outcome;
  emotional_valence: number;
  context: Record<(typeof CONTEXT_FIELDS)[number], string | null>;
  access_count: number;
  stability: number;
  retrievability: number;
}

export interface Entity {
  id: string;
  name: string;
  entity_type: EntityType;
  summary: string;
  details: string | null;
  source: string | null;
  stability: number;
  access_count: number;
  created_at: string;
  valid_from: string;
  valid_to: string | null;
}

export interface Relation {
  source_id: string;
  target_id: string;
  relation_type: RelationType;
  weight: number;
  co_access_count: number;
}

export interface Step {
  order: number;
  action: string;
  tool: string | null;
  parameters: Record<string, unknown>;
  expected_outcome: string | null;
}

export interface Skill {
  id: string;
  name: string;
  domain: Domain;
  trigger_pattern: string | null;
  steps: Step[];
  script: string | null;
  success_rate: number;
  execution_count: number;
  last_executed: string | null;
  version: number;
  deprecated: boolean;
  created_at: string;
}

/** World Weaver's parameters, as `[memory]` of the configuration gives them. */
export interface MemorySettings {
  /** Stability of a new memory, days. */
  defaultStability: number;
  /** Probability of recall that a memory's stability is the time to. */
  retentionTarget: number;
  /** η of w += η(1 − w). */
  hebbianLearningRate: number;
  semanticWeight: number;
  recencyWeight: number;
  outcomeWeight: number;
  importanceWeight: number;
}
