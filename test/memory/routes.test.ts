/** Every route of the memory family: success, not found, bad input, another session. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ROUTES } from "../../src/server/routes/table.ts";
import { ENTITY, EPISODE, MemoryNode, SKILL, UNKNOWN } from "./harness.ts";

let node: MemoryNode;
type Ids = Record<"episode" | "entity" | "other" | "skill", string>;
let ids: Ids;
/** Those of another session. */
let theirs: Ids;

beforeAll(async () => {
  node = await MemoryNode.open();
  const made = async (session: string): Promise<Ids> => {
    const make = async (path: string, body: unknown): Promise<string> =>
      (await node.must("POST", path, body, session)).id;
    return {
      episode: await make("/episodes", EPISODE),
      entity: await make("/entities", ENTITY),
      other: await make("/entities", { ...ENTITY, name: "SQLite" }),
      skill: await make("/skills", SKILL),
    };
  };
  ids = await made("ann");
  theirs = await made("ben");
});
afterAll(() => node.finish());

interface Row {
  /** Method and path; {id} is the thing's id. */
  route: string;
  /** The thing that the path names. */
  of?: keyof Ids;
  body?: () => unknown;
  status: number;
  /** Bodies (or, for routes without one, queries) that are 422. */
  bad: unknown[];
  /** Bodies (or queries) that name a thing of this sort: 404 where there is none, or none in this session. */
  names?: keyof Ids;
  naming?: ((id: string) => unknown)[];
  /** Whether it needs an admin key. */
  admin?: true;
}

const relation = (source_id: string, target_id: string) => ({
  source_id,
  target_id,
  relation_type: "SIMILAR_TO",
});
const episodeFeedback = (id: string) => ({ episode_ids: [id], query: "token", outcome_score: 0.8 });
const entityFeedback = (id: string) => ({ entity_ids: [id], outcome_score: 0.8, query: null });

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
  {
    route: "POST /episodes/feedback",
    body: () => ({ ...episodeFeedback(ids.episode), per_memory_rewards: { [ids.episode]: 1 } }),
    status: 200,
    bad: [
      {},
      { ...episodeFeedback(UNKNOWN), query: "" },
      { ...episodeFeedback(UNKNOWN), episode_ids: [] },
      { ...episodeFeedback(UNKNOWN), episode_ids: "x" },
      { ...episodeFeedback(UNKNOWN), outcome_score: -0.1 },
      { ...episodeFeedback(UNKNOWN), per_memory_rewards: { [UNKNOWN]: 2 } },
      { ...episodeFeedback(UNKNOWN), per_memory_rewards: { x: 1 } },
    ],
    names: "episode",
    naming: [episodeFeedback],
  },
  { route: "GET /episodes/learning-stats", status: 200, bad: [] },
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
    body: () => relation(ids.entity, ids.other),
    status: 201,
    bad: [
      {},
      { source_id: "x", target_id: UNKNOWN, relation_type: "USES" },
      { ...relation(UNKNOWN, UNKNOWN), relation_type: "LIKES" },
      { ...relation(UNKNOWN, UNKNOWN), weight: 1.5 },
    ],
    names: "entity",
    naming: [(id) => relation(id, id), (id) => relation(id, ids.other), (id) => relation(ids.entity, id)],
  },
  {
    route: "POST /entities/feedback",
    body: () => entityFeedback(ids.entity),
    status: 200,
    bad: [
      {},
      { ...entityFeedback(UNKNOWN), entity_ids: [] },
      { ...entityFeedback(UNKNOWN), entity_ids: ["x"] },
      { ...entityFeedback(UNKNOWN), outcome_score: 2 },
      { ...entityFeedback(UNKNOWN), query: 7 },
    ],
    names: "entity",
    naming: [entityFeedback],
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
    names: "entity",
    naming: [(entity_id) => ({ entity_id })],
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
  {
    route: "POST /skills/{id}/deprecate",
    of: "skill",
    status: 200,
    bad: ["replacement_id=x"],
    names: "skill",
    naming: [(id) => `replacement_id=${id}`],
  },
  { route: "GET /stats", status: 200, bad: [] },
  { route: "GET /session", status: 200, bad: [] },
  { route: "GET /health", status: 200, bad: [] },
  {
    route: "POST /import",
    body: () => ({ episodes: [{ ...EPISODE, id: crypto.randomUUID() }] }),
    status: 200,
    bad: [[], { episodes: 7 }, { skills: "none" }, { entities: {} }],
  },
  {
    route: "POST /consolidate",
    body: () => ({ deep: false }),
    status: 200,
    bad: [[], { deep: "yes" }],
    admin: true,
  },
  { route: "DELETE /episodes/{id}", of: "episode", status: 204, bad: [] },
  { route: "DELETE /entities/{id}", of: "entity", status: 204, bad: [] },
  { route: "DELETE /skills/{id}", of: "skill", status: 204, bad: [] },
];

const named = ({ route }: Row): [method: string, path: string] => route.split(" ") as [string, string];

test("every route of the family stands in the table", () => {
  const served = ROUTES.filter(({ path }) => /^\/api\/v1\/(?!control)/.test(path)).map(
    ({ method, path }) => `${method} ${path.slice("/api/v1".length).replaceAll(/:\w+\+?/g, "{}")}`,
  );
  const stands = ROWS.map(({ route }) =>
    route.replace("{id}", "{}").replace("restore%20the%20database", "{}"),
  );
  expect(stands.toSorted()).toEqual(served.toSorted());
});

describe.each(ROWS.map((row) => [row.route, row] as const))("%s", (_, row) => {
  const [method, path] = named(row);
  const at = (id: string): string => path.replace("{id}", id);
  const own = (): string => at(row.of ? ids[row.of] : "");
  const send = (to: string, json?: unknown, session = "ann") =>
    node.send(method, to, json, session, row.admin);
  /** With what is given in place of the body, or as the query. */
  const giving = (given: unknown, to = own(), session?: string) =>
    typeof given === "string" ? send(`${to}?${given}`, undefined, session) : send(to, given, session);

  test("bad input is 422 and changes nothing", async () => {
    const before = await node.must("GET", "/stats");
    for (const bad of row.bad) {
      const given = await giving(bad);
      const said = { bad, status: given.status, code: given.body.code };
      expect(said).toEqual({ bad, status: 422, code: "invalid_input" });
      expect(typeof given.body.detail).toBe("string");
    }
    if (row.of) expect((await send(at("7"), row.body?.())).status).toBe(422);
    expect(await node.must("GET", "/stats")).toEqual(before);
  });

  test("a session that is none is 400", async () => {
    for (const session of ["admin", "no/slashes", "x".repeat(129)]) {
      const { status, body } = await send(own(), row.body?.(), session);
      expect([session, status, body.code]).toEqual([session, 400, "invalid_input"]);
    }
  });

  test("an unknown id is 404, and so is another session's", async () => {
    const absent = async (answer: ReturnType<typeof send>): Promise<void> => {
      const { status, body } = await answer;
      expect([status, body.code]).toEqual([404, "not_found"]);
    };
    if (row.of) {
      await absent(send(at(UNKNOWN), row.body?.()));
      await absent(send(at(theirs[row.of]), row.body?.()));
      await absent(send(own(), row.body?.(), "ben"));
    }
    for (const naming of row.naming ?? []) {
      await absent(giving(naming(UNKNOWN)));
      await absent(giving(naming(theirs[row.names!])));
    }
  });

  test("another session is told nothing of this one's", async () => {
    const { status, body } = await send(own(), row.body?.(), "eve");
    expect(status).toBe(row.of || row.names ? 404 : row.status);
    for (const id of status < 300 ? Object.values(ids) : []) expect(JSON.stringify(body)).not.toContain(id);
  });

  test("success", async () => {
    expect((await send(own(), row.body?.())).status).toBe(row.status);
    if (method === "DELETE") expect((await node.send("GET", own())).status).toBe(404);
  });
});

test("malformed JSON is 400 and a body of no type 415, as anywhere", async () => {
  for (const row of ROWS.filter(({ body }) => body)) {
    const [method, path] = named(row);
    const to = path.replace("{id}", row.of ? ids[row.of] : "");
    const { status, body } = await node.sendRaw(method, to, "{", row.admin);
    expect([row.route, status, body.code]).toEqual([row.route, 400, "invalid_input"]);
  }
  const { status, body } = await node.send("POST", "/episodes", undefined);
  expect([status, body.code]).toEqual([415, "unsupported_media_type"]);
});
