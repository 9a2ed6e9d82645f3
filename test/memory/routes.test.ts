/** Every route of the memory family: success, not found, bad input, another session. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ENTITY, EPISODE, MemoryNode, SKILL, UNKNOWN } from "./harness.ts";

let node: MemoryNode;
let ids: Record<"episode" | "entity" | "other" | "skill", string>;

beforeAll(async () => {
  node = await MemoryNode.open();
  const make = async (path: string, body: unknown): Promise<string> =>
    (await node.must("POST", path, body)).id;
  ids = {
    episode: await make("/episodes", EPISODE),
    entity: await make("/entities", ENTITY),
    other: await make("/entities", { ...ENTITY, name: "SQLite" }),
    skill: await make("/skills", SKILL),
  };
});
afterAll(() => node.finish());

const relation = () => ({ source_id: ids.entity, target_id: ids.other, relation_type: "SIMILAR_TO" });

interface Row {
  /** Method and path; {id} is the thing's id. */
  route: string;
  of?: keyof typeof ids;
  body?: () => unknown;
  status: number;
  /** Bodies (or, for routes without one, queries) that are 422. */
  bad: unknown[];
}

const ROWS: Row[] = [
  {
    route: "POST /episodes",
    body: () => EPISODE,
    status: 201,
    bad: [
      {},
      { content: "" },
      { content: 7 },
      { content: "x".repeat(50_001) },
      { ...EPISODE, outcome: "great" },
      { ...EPISODE, emotional_valence: 2 },
      { ...EPISODE, timestamp: "yesterday" },
      { ...EPISODE, project: "p".repeat(501) },
      [],
    ],
  },
  { route: "GET /episodes", status: 200, bad: ["page=0", "page=x", "page_size=101", "outcome=great"] },
  {
    route: "POST /episodes/recall",
    body: () => ({ query: "token" }),
    status: 200,
    bad: [
      {},
      { query: "" },
      { query: "x", limit: 101 },
      { query: "x", min_similarity: 1.1 },
      { query: "x", outcome: "?" },
    ],
  },
  { route: "GET /episodes/{id}", of: "episode", status: 200, bad: [] },
  {
    route: "PUT /episodes/{id}",
    of: "episode",
    body: () => ({ tool: "curl" }),
    status: 200,
    bad: [{ content: "" }, { emotional_valence: -1 }, { outcome: 1 }],
  },
  {
    route: "POST /episodes/{id}/mark-important",
    of: "episode",
    status: 200,
    bad: ["importance=2", "importance=x", "importance=-1"],
  },
  {
    route: "POST /entities",
    body: () => ENTITY,
    status: 201,
    bad: [{}, { ...ENTITY, entity_type: "THING" }, { ...ENTITY, name: "" }, { ...ENTITY, summary: null }],
  },
  { route: "GET /entities", status: 200, bad: ["limit=0", "limit=501", "entity_type=THING"] },
  {
    route: "POST /entities/relations",
    body: relation,
    status: 201,
    bad: [{}, { source_id: "x", target_id: UNKNOWN, relation_type: "USES" }],
  },
  {
    route: "POST /entities/recall",
    body: () => ({ query: "database" }),
    status: 200,
    bad: [{}, { query: "x", entity_types: ["THING"] }, { query: "x", limit: 0 }],
  },
  {
    route: "POST /entities/spread-activation",
    body: () => ({ entity_id: ids.entity }),
    status: 200,
    bad: [{}, { entity_id: UNKNOWN, depth: 6 }, { entity_id: UNKNOWN, threshold: 2 }],
  },
  { route: "GET /entities/{id}", of: "entity", status: 200, bad: ["at=soon"] },
  {
    route: "PUT /entities/{id}",
    of: "entity",
    body: () => ({ details: "Elephant." }),
    status: 200,
    bad: [{ entity_type: "THING" }, { name: "" }],
  },
  {
    route: "POST /entities/{id}/supersede",
    of: "entity",
    body: () => ENTITY,
    status: 200,
    bad: [{}, { name: "x" }],
  },
  { route: "GET /entities/{id}/relations", of: "entity", status: 200, bad: [] },
  {
    route: "POST /skills",
    body: () => SKILL,
    status: 201,
    bad: [
      {},
      { ...SKILL, domain: "cooking" },
      { ...SKILL, steps: [{ order: 0, action: "x" }] },
      { ...SKILL, steps: [{ order: 1 }] },
      { ...SKILL, steps: "none" },
    ],
  },
  { route: "GET /skills", status: 200, bad: ["limit=201", "domain=cooking", "include_deprecated=maybe"] },
  {
    route: "POST /skills/recall",
    body: () => ({ query: "backup" }),
    status: 200,
    bad: [{}, { query: "x", domain: "cooking" }, { query: "x", limit: "many" }],
  },
  { route: "GET /skills/how-to/restore%20the%20database", status: 200, bad: ["domain=cooking"] },
  { route: "GET /skills/{id}", of: "skill", status: 200, bad: [] },
  {
    route: "PUT /skills/{id}",
    of: "skill",
    body: () => ({ script: "restore.sh" }),
    status: 200,
    bad: [{ domain: "cooking" }, { steps: [{}] }],
  },
  {
    route: "POST /skills/{id}/execute",
    of: "skill",
    body: () => ({ success: true, duration_ms: 10, notes: "fine" }),
    status: 200,
    bad: [{}, { success: "yes" }, { success: true, duration_ms: -1 }],
  },
  { route: "POST /skills/{id}/deprecate", of: "skill", status: 200, bad: ["replacement_id=x"] },
  { route: "GET /stats", status: 200, bad: [] },
  { route: "DELETE /episodes/{id}", of: "episode", status: 204, bad: [] },
  { route: "DELETE /entities/{id}", of: "entity", status: 204, bad: [] },
  { route: "DELETE /skills/{id}", of: "skill", status: 204, bad: [] },
];

describe.each(ROWS.map((row) => [row.route, row] as const))("%s", (route, row) => {
  const [method, path] = route.split(" ") as [string, string];
  const at = (id: string): string => path.replace("{id}", id);
  const own = (): string => at(row.of ? ids[row.of] : "");

  test("bad input is 422 and changes nothing", async () => {
    const before = await node.must("GET", "/stats");
    for (const bad of row.bad) {
      const given =
        typeof bad === "string"
          ? await node.send(method, `${own()}?${bad}`)
          : await node.send(method, own(), bad);
      const said = { bad, status: given.status, code: given.body.code };
      expect(said).toEqual({ bad, status: 422, code: "invalid_input" });
      expect(typeof given.body.detail).toBe("string");
    }
    if (row.of) expect((await node.send(method, at("7"), row.body?.())).status).toBe(422);
    expect(await node.must("GET", "/stats")).toEqual(before);
  });

  test("an unknown id and another session's are 404", async () => {
    if (!row.of) return;
    const unknown = await node.send(method, at(UNKNOWN), row.body?.());
    expect([unknown.status, unknown.body.code]).toEqual([404, "not_found"]);
    const theirs = await node.send(method, own(), row.body?.(), "ben");
    expect([theirs.status, theirs.body.code]).toEqual([404, "not_found"]);
  });

  test("success", async () => {
    expect((await node.send(method, own(), row.body?.())).status).toBe(row.status);
    if (method === "DELETE") expect((await node.send("GET", own())).status).toBe(404);
  });
});

test("malformed JSON is 400, as anywhere", async () => {
  const { status, body } = await node.send("POST", "/episodes", undefined);
  expect([status, body.code]).toEqual([415, "unsupported_media_type"]);
});
