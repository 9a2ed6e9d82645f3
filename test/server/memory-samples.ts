/** What the memory family answers, an example of each. */
import type { Entity, Episode, MemoryRead, MemoryWrite, Relation, Skill } from "../../src/memory/mod.ts";

const AT = "2026-03-01T12:00:00.000Z";
const ID = "0190f3c0-0000-7000-8000-000000000001";

const EPISODE: Episode = {
  id: ID,
  session_id: "default",
  content: "It rained.",
  timestamp: AT,
  outcome: "neutral",
  emotional_valence: 0.5,
  context: { project: null, file: null, tool: null, cwd: null, git_branch: null, timestamp_local: null },
  access_count: 0,
  stability: 1,
  retrievability: 0.9,
};
const ENTITY: Entity = {
  id: ID,
  name: "pump",
  entity_type: "TOOL",
  summary: "It moves water.",
  details: null,
  source: null,
  stability: 1,
  access_count: 0,
  created_at: AT,
  valid_from: AT,
  valid_to: null,
};
const SKILL: Skill = {
  id: ID,
  name: "prime",
  domain: "devops",
  trigger_pattern: null,
  steps: [{ order: 1, action: "Fill it.", tool: null, parameters: {}, expected_outcome: null }],
  script: null,
  success_rate: 1,
  execution_count: 0,
  last_executed: null,
  version: 1,
  deprecated: false,
  created_at: AT,
};
const RELATION: Relation = {
  source_id: ID,
  target_id: ID,
  relation_type: "USES",
  weight: 0.1,
  co_access_count: 0,
};

export const READS: Record<MemoryRead["op"], unknown> = {
  episode: EPISODE,
  episodes: { episodes: [EPISODE], total: 1, page: 1, page_size: 20 },
  recall_episodes: { query: "rain", episodes: [EPISODE], scores: [0.5] },
  learning_stats: {
    total_feedbacks: 1,
    total_updates: 2,
    strengthened: 1,
    weakened: 1,
    positive_surprises: 1,
    negative_surprises: 1,
    avg_rpe: 0,
    avg_loss: 0.25,
    avg_eligibility: 0.5,
    avg_learning_rate: 0.4,
    hebbian_updates: 0,
    last_feedback: AT,
  },
  entity: ENTITY,
  entities: { entities: [ENTITY], total: 1 },
  relations: [RELATION],
  recall_entities: { query: "water", entities: [ENTITY], scores: [0.5] },
  spread: { entities: [ENTITY], activations: [1], paths: [[ID]] },
  skill: SKILL,
  skills: { skills: [SKILL], total: 1 },
  recall_skills: { skills: [SKILL], total: 1 },
  how_to: { query: "prime", skill: SKILL, steps: ["1. Fill it."], confidence: 0.9 },
  stats: {
    session_id: "default",
    episodic: { total_episodes: 1 },
    semantic: { total_entities: 0, total_relations: 0 },
    procedural: { total_skills: 0 },
  },
};

export const WRITES: Record<MemoryWrite["op"], [status: number, body: unknown]> = {
  create_episode: [201, EPISODE],
  change_episode: [200, EPISODE],
  episode_feedback: [
    200,
    {
      reconsolidated_count: 1,
      fusion_loss: 0.25,
      avg_rpe: 0.5,
      positive_surprises: 1,
      negative_surprises: 0,
      three_factor_stats: {
        enabled: true,
        avg_eligibility: 1,
        avg_surprise: 0.5,
        outcome: 1,
        avg_learning_rate: 0.75,
      },
    },
  ],
  entity_feedback: [200, { strengthened_count: 1, weakened_count: 0, avg_delta: 0.1 }],
  create_entity: [201, ENTITY],
  change_entity: [200, ENTITY],
  supersede: [200, ENTITY],
  relate: [201, RELATION],
  create_skill: [201, SKILL],
  change_skill: [200, SKILL],
  execute: [200, SKILL],
  deprecate: [200, SKILL],
  forget: [204, undefined],
  import: [200, { added: 1, already: 0, refused: [] }],
  consolidate: [
    200,
    {
      done: true,
      results: {
        examined: 3,
        merged: 1,
        entities_created: 0,
        skills_created: 0,
        episodes_linked: 0,
        ties_pruned: 0,
      },
    },
  ],
};
