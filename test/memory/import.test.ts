/** What World Weaver exported is taken over once, with its past. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, openBench } from "../cli/harness.ts";
import { fixture } from "../server/support.ts";
import { MemoryNode } from "./harness.ts";

let node: MemoryNode;
let bench: Bench;
let api: string;
let stop: () => Promise<void>;

beforeAll(async () => {
  node = await MemoryNode.open();
  const { server } = fixture({ over: node.store.engine });
  api = (await server.listen({ kind: "tcp", host: "127.0.0.1", port: 0 })).url;
  stop = () => server.stop();
  bench = openBench();
});
afterAll(async () => {
  await stop();
  await bench.close();
  await node.finish();
});

const id = (n: number) => `7c9e6679-7425-40de-944b-${String(n).padStart(12, "0")}`;

const EXPORT = {
  version: "0.5.0",
  episodes: [
    {
      id: id(1),
      session_id: "old",
      content: "The deploy failed on a full disk.",
      timestamp: "2025-11-20T10:00:00.123456",
      outcome: "failure",
      emotional_valence: 0.9,
      context: { project: "shop", file: null, tool: "kubectl", cwd: "/srv", git_branch: "main" },
      access_count: 7,
      stability: 12.5,
      retrievability: 0.4,
    },
    { content: "An episode without an id." },
  ],
  entities: [
    {
      id: id(2),
      name: "shop",
      entity_type: "PROJECT",
      summary: "The web shop.",
      stability: 3,
      access_count: 4,
      created_at: "2025-01-02T03:04:05Z",
      valid_from: "2025-02-02T03:04:05Z",
      valid_to: null,
    },
    { id: id(3), name: "kubectl", entity_type: "TOOL", summary: "Speaks to the cluster." },
    {
      ...{ id: id(4), name: "register", entity_type: "FACT", summary: "The old till is in the hall." },
      ...{ valid_from: "2024-01-01T00:00:00Z", valid_to: "2025-01-01T00:00:00Z" },
    },
    { id: id(9), name: "old", entity_type: "FACT", summary: "Was so.", valid_to: "2025-01-01T00:00:00Z" },
  ],
  relations: [{ source_id: id(2), target_id: id(3), relation_type: "USES", weight: 0.7, co_access_count: 5 }],
  skills: [
    {
      id: id(5),
      name: "free-disk",
      domain: "devops",
      steps: [{ order: 1, action: "Prune the images", parameters: { all: true } }],
      success_rate: 0.8,
      execution_count: 10,
      last_executed: "2025-10-01T00:00:00Z",
      version: 3,
      deprecated: false,
      created_at: "2025-03-01T00:00:00Z",
    },
  ],
};

async function imported(file: string, ...more: string[]) {
  const argv = ["import", "--from", "worldweaver", file, "--session", "moved", "--json", ...more];
  const { code, out, err } = await bench.run(argv, { env: { DWBASE_API: api } });
  return { code, err, report: out === "" ? undefined : JSON.parse(out) };
}

test("things keep ids, times, accesses, stability and executions", async () => {
  writeFileSync(join(bench.dir, "export.json"), JSON.stringify(EXPORT));
  const { code, report } = await imported("export.json");
  expect(code).toBe(1);
  expect(report).toMatchObject({ items: 8, added: 7, already: 0 });
  // when it began to hold is not said
  expect(report.refused).toMatchObject([{ list: "entities", index: 3, code: "invalid_input" }]);

  const get = (path: string) => node.must("GET", path, undefined, "moved");
  expect(await get(`/episodes/${id(1)}`)).toMatchObject({
    session_id: "moved",
    timestamp: "2025-11-20T10:00:00.123Z",
    outcome: "failure",
    emotional_valence: 0.9,
    context: { project: "shop", tool: "kubectl", cwd: "/srv", git_branch: "main", file: null },
    access_count: 7,
    stability: 12.5,
  });
  expect(await get(`/entities/${id(2)}`)).toMatchObject({
    created_at: "2025-01-02T03:04:05.000Z",
    valid_from: "2025-02-02T03:04:05.000Z",
    access_count: 4,
    stability: 3,
  });
  expect(await get(`/entities/${id(3)}/relations`)).toEqual(EXPORT.relations);
  expect(await get(`/skills/${id(5)}`)).toMatchObject({
    success_rate: 0.8,
    execution_count: 10,
    last_executed: "2025-10-01T00:00:00.000Z",
    version: 1,
    steps: [{ parameters: { all: true } }],
  });
});

test("a fact that ended is read at its time, is in no recall, and can begin anew", async () => {
  const path = `/entities/${id(4)}`;
  const at = (time: string) => node.send("GET", `${path}?at=${time}`, undefined, "moved");
  const held = { valid_from: "2024-01-01T00:00:00.000Z", valid_to: "2025-01-01T00:00:00.000Z" };
  const recalled = async () =>
    (await node.must("POST", "/entities/recall", { query: "where is the old till" }, "moved")).entities;

  expect(await node.must("GET", path, undefined, "moved")).toMatchObject(held);
  expect((await at("2024-06-01T00:00:00Z")).body).toMatchObject(held);
  for (const outside of ["2023-12-31T23:59:59Z", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"])
    expect([outside, (await at(outside)).status]).toEqual([outside, 404]);
  expect(await recalled()).toEqual([]);

  // a correction is of the time that it held; a new fact holds from now on
  expect(await node.must("PUT", path, { details: "By the stairs." }, "moved")).toMatchObject(held);
  const fact = { name: "register", entity_type: "FACT", summary: "The old till is back in the hall." };
  const begun = await node.must("POST", `${path}/supersede`, fact, "moved");
  expect(begun).toMatchObject({ ...fact, valid_to: null });
  expect((await at("2024-06-01T00:00:00Z")).body).toMatchObject({ ...held, details: "By the stairs." });
  expect((await at("2025-06-01T00:00:00Z")).status).toBe(404);
  expect(await recalled()).toMatchObject([{ id: id(4), summary: fact.summary }]);
});

test("a second import adds nothing, and what was forgotten stays so", async () => {
  expect((await imported("export.json")).report).toMatchObject({ added: 0, already: 7 });
  await node.send("DELETE", `/episodes/${id(1)}`, undefined, "moved");
  const { report } = await imported("export.json");
  expect(report).toMatchObject({ added: 0, already: 6 });
  expect(report.refused.map((one: { code: string }) => one.code)).toEqual(["gone", "invalid_input"]);
});

test("an id of another session, an unknown end and bad fields are refused one by one", async () => {
  const relation = { ...EXPORT.relations[0], target_id: id(99) };
  const body = {
    episodes: [{ id: id(6), content: "" }, { content: "no id" }],
    entities: [EXPORT.entities[0], EXPORT.entities[1], { ...EXPORT.entities[1], id: id(8), stability: 0 }],
    relations: [relation],
    skills: [{ ...EXPORT.skills[0], id: id(7) }],
  };
  const { added, refused } = await node.must("POST", "/import", body, "third");
  expect(added).toBe(1);
  const codes = refused.map((one: { list: string; index: number; code: string }) => [
    one.list,
    one.index,
    one.code,
  ]);
  expect(codes).toEqual([
    ["episodes", 0, "invalid_input"],
    ["episodes", 1, "invalid_input"],
    ["entities", 0, "conflict"],
    ["entities", 1, "conflict"],
    ["entities", 2, "invalid_input"],
    ["relations", 0, "not_found"],
  ]);
});

test("a request of another shape is 422, a file that is no export says so", async () => {
  expect((await node.send("POST", "/import", { episodes: 7 })).status).toBe(422);
  const many = Array.from({ length: 600 }, () => ({}));
  expect((await node.send("POST", "/import", { episodes: many, skills: many })).status).toBe(422);
  for (const [text, code] of [
    ["{", 2],
    ["[]", 2],
    ['{"episodes":7}', 2],
  ] as const) {
    writeFileSync(join(bench.dir, "bad.json"), text);
    expect((await imported("bad.json")).code).toBe(code);
  }
  expect((await imported("absent.json")).code).toBe(3);
});

test("10,000 items come over in requests of bounded size, and once", async () => {
  const episodes = Array.from({ length: 7000 }, (_, n) => ({
    id: id(10_000 + n),
    content: `Episode number ${n}.`,
  }));
  const entities = Array.from({ length: 1500 }, (_, n) => ({
    ...{ id: id(20_000 + n), name: `thing ${n}` },
    ...{ entity_type: "CONCEPT", summary: "A thing." },
  }));
  const relations = entities.slice(1).map((entity, n) => ({
    ...{ source_id: entity.id, target_id: entities[n]!.id },
    relation_type: "PART_OF",
  }));
  const skills = [{ ...EXPORT.skills[0], id: id(9) }];
  writeFileSync(join(bench.dir, "large.json"), JSON.stringify({ episodes, entities, relations, skills }));
  expect((await imported("large.json")).report).toMatchObject({ items: 10_000, added: 10_000, refused: [] });
  expect((await imported("large.json")).report).toMatchObject({ added: 0, already: 10_000 });
});
