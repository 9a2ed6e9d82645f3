/** Lists of memories so large that all of them are more than an answer may hold. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { LIMITS } from "../../src/base/mod.ts";
import { MemoryNode } from "./harness.ts";

/** Four bytes a character: the largest that one memory can be. */
const LONG = "🌱".repeat(49_000);
const MANY = 50;

let node: MemoryNode;
beforeAll(async () => {
  node = await MemoryNode.open();
  for (let i = 0; i < MANY; i++) {
    await node.must("POST", "/episodes", { content: `garden ${i} ${LONG}`, outcome: "success" });
    const entity = { name: `garden ${i}`, entity_type: "FACT", summary: "grows", details: LONG };
    const { id } = await node.must("POST", "/entities", entity);
    ids.push(id);
    const skill = { name: `garden ${i}`, domain: "writing", task: "grow a garden", script: LONG };
    await node.must("POST", "/skills", skill);
  }
  for (const target_id of ids.slice(1)) {
    const relation = { source_id: ids[0], target_id, relation_type: "USES", weight: 0.9 };
    await node.must("POST", "/entities/relations", relation);
  }
}, 120_000);
afterAll(() => node.finish());

const ids: string[] = [];

async function sized(method: string, path: string, json?: unknown) {
  const { status, body, bytes } = await node.send(method, path, json);
  expect(status).toBe(200);
  // scores and the like are a little more
  expect(bytes.length).toBeLessThan(LIMITS.memoryAnswerBytes + 100_000);
  return body;
}

test("lists of entities and skills end where an answer is full, and say how many there are", async () => {
  for (const [path, name] of [
    ["/entities?limit=500", "entities"],
    ["/entities?limit=500&entity_type=FACT", "entities"],
    ["/skills?limit=200", "skills"],
    ["/skills?limit=200&domain=writing", "skills"],
    ["/skills?limit=200&include_deprecated=true", "skills"],
  ] as const) {
    const body = await sized("GET", path);
    expect([path, body.total]).toEqual([path, MANY]);
    expect(body[name].length).toBeGreaterThan(20);
    expect(body[name].length).toBeLessThan(MANY);
    // newest first, without holes
    expect(body[name].map((one: { name: string }) => one.name)).toEqual(
      body[name].map((_: unknown, at: number) => `garden ${MANY - 1 - at}`),
    );
  }
});

test("recalls and activation keep the best, with their scores", async () => {
  const query = { query: "garden", limit: 100, explain: true };
  for (const [path, name] of [
    ["/episodes/recall", "episodes"],
    ["/entities/recall", "entities"],
    ["/skills/recall", "skills"],
  ] as const) {
    const body = await sized("POST", path, query);
    expect(body[name].length).toBeGreaterThan(20);
    expect(body.explain.map((one: { id: string }) => one.id)).toEqual(
      body[name].map((one: { id: string }) => one.id),
    );
    if (body.scores) expect(body.scores).toHaveLength(body[name].length);
  }
  const spread = await sized("POST", "/entities/spread-activation", { entity_id: ids[0], threshold: 0 });
  expect(spread.entities.length).toBeGreaterThan(20);
  expect([spread.activations.length, spread.paths.length]).toEqual(
    Array(2).fill(spread.entities.length) as number[],
  );
});

test("a page of episodes is whole or refused: who turns pages misses none", async () => {
  for (const filter of ["", "&outcome=success"]) {
    const { status, body } = await node.send("GET", `/episodes?page_size=100${filter}`);
    expect([status, body.code]).toEqual([400, "invalid_input"]);
    expect(body.detail).toContain("page_size");
    const seen = new Set<string>();
    for (let page = 1; page <= 3; page++) {
      const { episodes } = await sized("GET", `/episodes?page=${page}${filter}`);
      for (const { id } of episodes) seen.add(id);
    }
    expect(seen.size).toBe(MANY);
  }
});
