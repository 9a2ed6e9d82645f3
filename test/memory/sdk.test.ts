/**
 * The calls of World Weaver's Python SDK, as it sends them, and the fields that its models read. It is on no package
 * registry; its source is `src/ww/sdk` of World Weaver's repository.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { MemoryNode, UNKNOWN } from "./harness.ts";

let node: MemoryNode;

beforeAll(async () => {
  node = await MemoryNode.open();
});
afterAll(() => node.finish());

const must = (method: string, path: string, json?: unknown) => node.must(method, path, json);
const keys = (value: object) => Object.keys(value);

const EPISODE = [
  ...["id", "session_id", "content", "timestamp", "outcome", "emotional_valence", "context"],
  ...["access_count", "stability", "retrievability"],
];
const CONTEXT = ["project", "file", "tool", "cwd", "git_branch", "timestamp_local"];
const ENTITY = [
  ...["id", "name", "entity_type", "summary", "details", "source", "stability", "access_count"],
  ...["created_at", "valid_from", "valid_to"],
];
const RELATION = ["source_id", "target_id", "relation_type", "weight", "co_access_count"];
const SKILL = [
  ...["id", "name", "domain", "trigger_pattern", "steps", "script", "success_rate", "execution_count"],
  ...["last_executed", "version", "deprecated", "created_at"],
];

test("episodes: create, get, list, recall, mark important, delete", async () => {
  const sent = {
    ...{ content: "Learned about Python decorators", project: null, file: null, tool: null },
    ...{ outcome: "neutral", emotional_valence: 0.5, timestamp: null },
  };
  const made = await must("POST", "/episodes", sent);
  expect([keys(made), keys(made.context)]).toEqual([EPISODE, CONTEXT]);
  expect(keys(await must("GET", `/episodes/${made.id}`))).toEqual(EPISODE);
  const list = await must("GET", "/episodes?page=1&page_size=20");
  expect(keys(list)).toEqual(["episodes", "total", "page", "page_size"]);
  const query = { query: "decorators", limit: 10, min_similarity: 0.5, project: null, outcome: null };
  const found = await must("POST", "/episodes/recall", query);
  expect(keys(found)).toEqual(["query", "episodes", "scores"]);
  expect([found.query, found.episodes.length, typeof found.scores[0]]).toEqual(["decorators", 1, "number"]);
  expect(keys(await must("POST", `/episodes/${made.id}/mark-important?importance=1.0`))).toEqual(EPISODE);
  // as Python writes a small number
  const unimportant = await must("POST", `/episodes/${made.id}/mark-important?importance=5e-05`);
  expect(unimportant.emotional_valence).toBe(0.00005);
  expect((await node.send("DELETE", `/episodes/${made.id}`)).bytes.length).toBe(0);
});

test("entities: create, get, list, relate, recall, spread, supersede", async () => {
  const sent = { name: "FSRS", entity_type: "CONCEPT", summary: "A scheduler", details: null, source: null };
  const made = await must("POST", "/entities", sent);
  const other = await must("POST", "/entities", { ...sent, name: "SM-2" });
  expect(keys(made)).toEqual(ENTITY);
  expect(keys(await must("GET", `/entities/${made.id}`))).toEqual(ENTITY);
  expect(keys(await must("GET", "/entities?limit=50"))).toEqual(["entities", "total"]);
  const relation = { source_id: made.id, target_id: other.id, relation_type: "IMPROVES_ON", weight: 0.1 };
  expect(keys(await must("POST", "/entities/relations", relation))).toEqual(RELATION);
  const found = await must("POST", "/entities/recall", { query: "scheduler", limit: 10, entity_types: null });
  expect(keys(found)).toEqual(["query", "entities", "scores"]);
  const spread = await must("POST", "/entities/spread-activation", {
    ...{ entity_id: made.id, depth: 2, threshold: 0.1 },
  });
  expect(keys(spread)).toEqual(["entities", "activations", "paths"]);
  expect(spread.paths).toEqual([[made.id], [made.id, other.id]]);
  const fact = { name: "FSRS", entity_type: "CONCEPT", summary: "FSRS-6", details: null };
  expect(keys(await must("POST", `/entities/${made.id}/supersede`, fact))).toEqual(ENTITY);
});

test("skills: create, get, list, recall, execute, how-to, deprecate", async () => {
  const sent = {
    ...{ name: "deploy", domain: "devops", task: "Deploy the service", script: null, trigger_pattern: null },
    steps: [{ order: 1, action: "Build", tool: null, parameters: {}, expected_outcome: null }],
  };
  const made = await must("POST", "/skills", sent);
  expect([keys(made), made.steps]).toEqual([SKILL, sent.steps]);
  expect(keys(await must("GET", `/skills/${made.id}`))).toEqual(SKILL);
  expect(keys(await must("GET", "/skills?limit=50&include_deprecated=false"))).toEqual(["skills", "total"]);
  // and its words for true and false
  for (const word of ["True", "False", "1", "0"])
    expect(keys(await must("GET", `/skills?include_deprecated=${word}`))).toEqual(["skills", "total"]);
  const found = await must("POST", "/skills/recall", { query: "deploy the service", domain: null, limit: 5 });
  expect([keys(found), found.total]).toEqual([["skills", "total"], 1]);
  const run = { success: true, duration_ms: null, notes: null };
  expect(keys(await must("POST", `/skills/${made.id}/execute`, run))).toEqual(SKILL);
  const how = await must("GET", "/skills/how-to/deploy%20the%20service");
  expect(keys(how)).toEqual(["query", "skill", "steps", "confidence"]);
  expect(keys(await must("POST", `/skills/${made.id}/deprecate`))).toEqual(SKILL);
});

test("system: health, stats; errors have a detail", async () => {
  expect(keys(await must("GET", "/health"))).toEqual(["status", "timestamp", "version", "session_id"]);
  expect(keys(await must("GET", "/stats"))).toEqual(["session_id", "episodic", "semantic", "procedural"]);
  const { status, body } = await node.send("GET", `/episodes/${UNKNOWN}`);
  expect([status, keys(body)]).toEqual([404, ["detail", "code"]]);
});
