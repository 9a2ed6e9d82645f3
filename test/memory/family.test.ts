/** What episodes, entities and skills do over their lives. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { ENTITY, EPISODE, MemoryNode, SKILL, UNKNOWN } from "./harness.ts";

let node: MemoryNode;
let session: string;
let count = 0;

beforeAll(async () => {
  node = await MemoryNode.open();
});
afterAll(() => node.finish());
beforeEach(() => {
  session = `s${count++}`;
});

const must = (method: string, path: string, json?: unknown) => node.must(method, path, json, session);
const status = async (method: string, path: string, json?: unknown) =>
  (await node.send(method, path, json, session)).status;

describe("episodes", () => {
  test("come back as they were sent, with the client's time and defaults", async () => {
    const made = await must("POST", "/episodes", {
      ...EPISODE,
      project: "shop",
      file: "src/login.ts",
      tool: null,
      unknown_field: 1,
      timestamp: "2024-05-06T07:08:09.123456",
    });
    expect(made).toMatchObject({
      session_id: session,
      content: EPISODE.content,
      timestamp: "2024-05-06T07:08:09.123Z",
      outcome: "neutral",
      emotional_valence: 0.5,
      context: { project: "shop", file: "src/login.ts", tool: null, cwd: null },
      access_count: 0,
      stability: 1,
    });
    expect(made.retrievability).toBeGreaterThan(0);
    expect(made.retrievability).toBeLessThan(0.5);
    expect(await must("GET", `/episodes/${made.id}`)).toMatchObject({
      ...made,
      retrievability: expect.any(Number),
    });
  });

  test("are changed by any subset of their fields, under the same id", async () => {
    const { id } = await must("POST", "/episodes", { ...EPISODE, project: "shop" });
    const changed = await must("PUT", `/episodes/${id}`, { outcome: "success", content: null });
    expect(changed).toMatchObject({
      id,
      content: EPISODE.content,
      outcome: "success",
      context: { project: "shop" },
    });
    expect(changed.stability).toBeGreaterThan(1);
    const moved = await must("PUT", `/episodes/${id}`, { timestamp: "2020-01-01T00:00:00Z", tool: "vim" });
    expect(moved).toMatchObject({
      timestamp: "2020-01-01T00:00:00.000Z",
      context: { project: "shop", tool: "vim" },
    });
    expect((await must("POST", `/episodes/${id}/mark-important`)).emotional_valence).toBe(1);
    expect((await must("POST", `/episodes/${id}/mark-important?importance=0.2`)).emotional_valence).toBe(0.2);
    expect((await must("GET", "/stats")).episodic).toEqual({ total_episodes: 1 });
  });

  test("are listed newest first in pages, by project and outcome", async () => {
    for (let day = 1; day <= 5; day++) {
      const outcome = day % 2 === 0 ? "success" : "failure";
      const timestamp = `2026-01-0${day}T00:00:00Z`;
      await must("POST", "/episodes", {
        content: `day ${day}`,
        timestamp,
        outcome,
        project: day < 3 ? "a" : "b",
      });
    }
    const contents = async (query: string) => {
      const { episodes, total } = await must("GET", `/episodes?${query}`);
      return [episodes.map((each: { content: string }) => each.content), total];
    };
    expect(await contents("page_size=2")).toEqual([["day 5", "day 4"], 5]);
    expect(await contents("page_size=2&page=3")).toEqual([["day 1"], 5]);
    expect(await contents("page=9")).toEqual([[], 5]);
    expect(await contents("project=b")).toEqual([["day 5", "day 4", "day 3"], 3]);
    expect(await contents("project=b&outcome=failure&page_size=1&page=2")).toEqual([["day 3"], 2]);
    expect(await contents("project=c")).toEqual([[], 0]);
  });

  test("are found by words and by meaning, in their project and with their outcome only", async () => {
    const say = (content: string, more = {}) => must("POST", "/episodes", { content, ...more });
    const token = await say(EPISODE.content, { project: "shop", outcome: "failure" });
    const car = await say("My vehicle failed to start this morning.");
    await say("We had pancakes for breakfast.");
    const found = async (body: object) => await must("POST", "/episodes/recall", body);
    const words = await found({ query: "expired token login" });
    expect(words.episodes.map((each: { id: string }) => each.id)).toEqual([token.id]);
    expect(words.scores).toHaveLength(1);
    const meaning = await found({ query: "the car would not start today", min_similarity: 0.4 });
    expect(meaning.episodes[0].id).toBe(car.id);
    expect((await found({ query: "token", project: "shop" })).episodes).toHaveLength(1);
    expect((await found({ query: "token", project: "other" })).episodes).toEqual([]);
    expect((await found({ query: "token", outcome: "success" })).episodes).toEqual([]);
    expect((await found({ query: "expired token zebra quagga", min_similarity: 0.5 })).episodes).toHaveLength(
      1,
    );
    expect((await found({ query: "expired lions zebra quagga", min_similarity: 0.9 })).episodes).toEqual([]);
    const { explain, scores } = await found({ query: "token", explain: true });
    const { id, similarity, score, ...parts } = explain[0];
    expect([id, score]).toEqual([token.id, scores[0]]);
    expect(similarity).toBe(1);
    expect(Object.keys(parts)).toEqual(["semantic", "recency", "outcome", "importance"]);
    const sum = Object.values<number>(parts).reduce((total, part) => total + part, 0);
    expect(sum).toBeCloseTo(score, 10);
  });

  test("are not alike for a tool that they share, and are found by its name", async () => {
    const shared = { tool: "kubectl", project: "shop", file: "deploy/shop.yaml" };
    const make = async (content: string) => (await must("POST", "/episodes", { content, ...shared })).id;
    const rollout = await make("The rollout of the new image hung because a readiness probe failed.");
    const lunch = await make("Had lunch with the new colleague from accounting.");
    const ids = async (query: string) =>
      (await must("POST", "/episodes/recall", { query })).episodes.map((each: { id: string }) => each.id);
    expect(await ids("kubectl rollout failed on a readiness probe in the shop")).toEqual([rollout]);
    expect((await ids("kubectl")).sort()).toEqual([rollout, lunch].sort());
  });

  test("are found in their newest version only, and not at all once forgotten", async () => {
    const { id } = await must("POST", "/episodes", { content: "The heron stood still." });
    await must("PUT", `/episodes/${id}`, { content: "The stork stood still." });
    const hits = async (query: string) => (await must("POST", "/episodes/recall", { query })).episodes.length;
    expect([await hits("heron"), await hits("stork")]).toEqual([0, 1]);
    expect(await status("DELETE", `/episodes/${id}`)).toBe(204);
    expect([await hits("stork"), await status("GET", `/episodes/${id}`)]).toEqual([0, 404]);
    expect(await status("DELETE", `/episodes/${id}`)).toBe(404);
    expect((await must("GET", "/episodes")).total).toBe(0);
  });
});

describe("entities", () => {
  test("a correction holds for the same time, a new fact from now on; both are read at their time", async () => {
    const made = await must("POST", "/entities", { ...ENTITY, source: "a book" });
    expect(made).toMatchObject({ ...ENTITY, details: null, source: "a book", valid_to: null, stability: 1 });
    const { id, valid_from } = made;
    const corrected = await must("PUT", `/entities/${id}`, { details: "Elephant." });
    expect(corrected).toMatchObject({ id, details: "Elephant.", valid_from, created_at: made.created_at });
    const fact = await must("POST", `/entities/${id}/supersede`, { ...ENTITY, summary: "Version 18." });
    expect(fact).toMatchObject({
      id,
      summary: "Version 18.",
      details: null,
      source: "a book",
      valid_to: null,
    });
    const at = (time: string) => must("GET", `/entities/${id}?at=${encodeURIComponent(time)}`);
    expect(await at(valid_from)).toMatchObject({
      details: "Elephant.",
      valid_from,
      valid_to: fact.valid_from,
    });
    expect(await at(fact.valid_from)).toEqual(fact);
    expect(await must("GET", `/entities/${id}`)).toEqual(fact);
    expect(await status("GET", `/entities/${id}?at=2000-01-01T00:00:00Z`)).toBe(404);
    // with a plus that was not escaped
    expect(await status("GET", `/entities/${id}?at=2100-01-01T00:00:00+02:00`)).toBe(200);
  });

  test("relations tie entities of one session; forgetting an entity forgets its relations", async () => {
    const make = async (name: string) => (await must("POST", "/entities", { ...ENTITY, name })).id;
    const [a, b] = [await make("a"), await make("b")];
    const relation = { source_id: a, target_id: b, relation_type: "USES" };
    expect(await must("POST", "/entities/relations", relation)).toEqual({
      ...relation,
      weight: 0.1,
      co_access_count: 0,
    });
    await must("POST", "/entities/relations", { ...relation, weight: 0.6 });
    expect(await must("GET", `/entities/${b}/relations`)).toEqual([
      { ...relation, weight: 0.6, co_access_count: 0 },
    ]);
    expect(await status("POST", "/entities/relations", { ...relation, target_id: UNKNOWN })).toBe(404);
    const theirs = (await node.must("POST", "/entities", ENTITY, "elsewhere")).id;
    expect(await status("POST", "/entities/relations", { ...relation, target_id: theirs })).toBe(404);
    expect((await must("GET", "/stats")).semantic).toEqual({ total_entities: 2, total_relations: 1 });
    await node.send("DELETE", `/entities/${a}`, undefined, session);
    expect(await must("GET", `/entities/${b}/relations`)).toEqual([]);
    expect((await must("GET", "/stats")).semantic).toEqual({ total_entities: 1, total_relations: 0 });
  });

  test("a relation of an entity to itself is one relation", async () => {
    const { id } = await must("POST", "/entities", ENTITY);
    const relation = { source_id: id, target_id: id, relation_type: "USES", weight: 0.4 };
    await must("POST", "/entities/relations", relation);
    expect(await must("GET", `/entities/${id}/relations`)).toEqual([{ ...relation, co_access_count: 0 }]);
    const spread = await must("POST", "/entities/spread-activation", { entity_id: id, threshold: 0 });
    expect(spread.paths).toEqual([[id]]);
    await node.send("DELETE", `/entities/${id}`, undefined, session);
    expect((await must("GET", "/stats")).semantic).toEqual({ total_entities: 0, total_relations: 0 });
  });

  test("activation spreads along relations by their weights, with paths", async () => {
    const make = async (name: string) => (await must("POST", "/entities", { ...ENTITY, name })).id;
    const [a, b, c, d] = [await make("a"), await make("b"), await make("c"), await make("d")];
    const tie = (source_id: string, target_id: string, weight: number) =>
      must("POST", "/entities/relations", { source_id, target_id, relation_type: "USES", weight });
    await tie(a, b, 0.75);
    await tie(a, c, 0.25);
    await tie(b, d, 0.25);
    const { entities, activations, paths } = await must("POST", "/entities/spread-activation", {
      entity_id: a,
      depth: 2,
      threshold: 0.01,
    });
    expect(entities.map((each: { id: string }) => each.id)).toEqual([a, b, c, d]);
    for (const [at, share] of [1, 0.375, 0.125, 0.046875].entries())
      expect(activations[at]).toBeCloseTo(share, 6);
    expect(paths).toEqual([[a], [a, b], [a, c], [a, b, d]]);
  });

  test("of several types score as they do among all, each once", async () => {
    const make = (name: string, entity_type: string, summary: string) =>
      must("POST", "/entities", { name, entity_type, summary });
    await make("pump", "TOOL", "The pump in the cellar moves water out of the sump.");
    await make("Ann", "PERSON", "She once saw water.");
    await make("sump", "CONCEPT", "Where the water of the cellar gathers before the pump moves it.");
    const found = async (entity_types: string[] | null) => {
      const body = { query: "which pump moves the water of the cellar", entity_types };
      const { entities, scores } = await must("POST", "/entities/recall", body);
      return entities.map(({ name }: { name: string }, at: number) => [name, scores[at].toFixed(3)]);
    };
    const all = await found(null);
    expect(all.length).toBe(3);
    expect(await found(["PERSON", "TOOL", "TOOL"])).toEqual(
      all.filter(([name]: string[]) => name !== "sump"),
    );
  });

  test("a relation of no weight ties nothing, and spoils no score", async () => {
    const make = async (name: string) => (await must("POST", "/entities", { ...ENTITY, name })).id;
    const [a, b] = [await make("a"), await make("b")];
    const relation = { source_id: a, target_id: b, relation_type: "USES", weight: 0 };
    await must("POST", "/entities/relations", relation);
    const spread = await must("POST", "/entities/spread-activation", { entity_id: a, threshold: 0 });
    expect(spread.paths).toEqual([[a]]);
    const { scores } = await must("POST", "/entities/recall", { query: "relational database" });
    expect(scores).toEqual([expect.any(Number), expect.any(Number)]);
  });

  test("are listed and found by type", async () => {
    const cat = await must("POST", "/entities", {
      name: "Tom",
      entity_type: "PERSON",
      summary: "A cat who hunts mice.",
    });
    await must("POST", "/entities", ENTITY);
    expect((await must("GET", "/entities?entity_type=PERSON")).entities).toEqual([cat]);
    expect((await must("GET", "/entities?limit=1")).total).toBe(2);
    const found = await must("POST", "/entities/recall", { query: "who hunts mice", explain: true });
    expect(found.entities).toEqual([cat]);
    expect(found.explain[0]).toMatchObject({ id: cat.id, activation: expect.any(Number) });
    const tools = await must("POST", "/entities/recall", { query: "mice", entity_types: ["TOOL"] });
    expect(tools.entities).toEqual([]);
  });
});

describe("skills", () => {
  test("come back with their steps in order", async () => {
    const made = await must("POST", "/skills", SKILL);
    expect(made).toMatchObject({
      name: SKILL.name,
      domain: "devops",
      trigger_pattern: null,
      script: null,
      success_rate: 1,
      execution_count: 0,
      last_executed: null,
      version: 1,
      deprecated: false,
    });
    expect(made.steps.map((step: { action: string }) => step.action)).toEqual([
      "Stop the service",
      "Start the service",
    ]);
    expect(made.steps[1]).toEqual({
      order: 2,
      action: "Start the service",
      tool: null,
      parameters: {},
      expected_outcome: null,
    });
  });

  test("executions keep a running rate; a change is a new version and keeps it", async () => {
    const { id } = await must("POST", "/skills", SKILL);
    const run = (success: boolean) => must("POST", `/skills/${id}/execute`, { success });
    expect(await run(true)).toMatchObject({ success_rate: 1, execution_count: 1 });
    expect(await run(false)).toMatchObject({ success_rate: 0.5, execution_count: 2, version: 1 });
    const changed = await must("PUT", `/skills/${id}`, { script: "restore.sh" });
    expect(changed).toMatchObject({
      version: 2,
      script: "restore.sh",
      execution_count: 2,
      success_rate: 0.5,
    });
    expect(changed.last_executed).not.toBeNull();
  });

  test("one that keeps failing is deprecated by itself", async () => {
    const { id } = await must("POST", "/skills", SKILL);
    for (let i = 0; i < 10; i++) await must("POST", `/skills/${id}/execute`, { success: false });
    expect((await must("GET", `/skills/${id}`)).deprecated).toBe(false);
    expect((await must("POST", `/skills/${id}/execute`, { success: false })).deprecated).toBe(true);
  });

  test("deprecated ones are in no recall and in no list unless asked for", async () => {
    const { id } = await must("POST", "/skills", SKILL);
    const other = await must("POST", "/skills", { ...SKILL, name: "newer" });
    expect(await status("POST", `/skills/${id}/deprecate?replacement_id=${UNKNOWN}`)).toBe(404);
    await must("POST", `/skills/${id}/deprecate?replacement_id=${other.id}`);
    const found = await must("POST", "/skills/recall", { query: "restore a backup" });
    expect(found.skills.map((each: { id: string }) => each.id)).toEqual([other.id]);
    expect((await must("GET", "/skills")).total).toBe(1);
    expect((await must("GET", "/skills?include_deprecated=true&domain=devops")).total).toBe(2);
    expect((await must("GET", "/skills?domain=coding")).total).toBe(0);
  });

  test("how-to gives the steps as sentences, or none", async () => {
    expect(await must("GET", "/skills/how-to/bake%20bread")).toEqual({
      query: "bake bread",
      skill: null,
      steps: [],
      confidence: 0,
    });
    const { id } = await must("POST", "/skills", SKILL);
    const { query, skill, steps, confidence } = await must("GET", "/skills/how-to/restore%20the%2Fdatabase");
    expect([query, skill.id]).toEqual(["restore the/database", id]);
    expect(steps).toEqual(["1. Stop the service (using systemctl)", "2. Start the service"]);
    expect(confidence).toBeGreaterThan(0.5);
  });
});

test("nothing of one session is seen from another", async () => {
  await must("POST", "/episodes", EPISODE);
  await must("POST", "/entities", ENTITY);
  await must("POST", "/skills", SKILL);
  const there = `${session}-other`;
  const empty = async (method: string, path: string, json?: unknown) => node.must(method, path, json, there);
  expect((await empty("GET", "/episodes")).total).toBe(0);
  expect((await empty("POST", "/episodes/recall", { query: "token" })).episodes).toEqual([]);
  expect((await empty("POST", "/entities/recall", { query: "database" })).entities).toEqual([]);
  expect((await empty("POST", "/skills/recall", { query: "backup" })).skills).toEqual([]);
  expect(await empty("GET", "/stats")).toEqual({
    session_id: there,
    episodic: { total_episodes: 0 },
    semantic: { total_entities: 0, total_relations: 0 },
    procedural: { total_skills: 0 },
  });
});

test("everything is there after a restart", async () => {
  const episode = await must("POST", "/episodes", EPISODE);
  const entity = await must("POST", "/entities", ENTITY);
  await node.restart();
  expect(await must("GET", `/episodes/${episode.id}`)).toMatchObject({ content: EPISODE.content });
  expect(await must("GET", `/entities/${entity.id}`)).toEqual(entity);
});
