/** The memory family for people: the words of the command line against a node. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Bench, openBench } from "../cli/harness.ts";
import { fixture } from "../server/support.ts";
import { MemoryNode } from "./harness.ts";

let node: MemoryNode;
let bench: Bench;
let env: Record<string, string>;
let stop: () => Promise<void>;

beforeAll(async () => {
  node = await MemoryNode.open();
  const { server } = fixture({ over: node.store.engine });
  env = { DWBASE_API: (await server.listen({ kind: "tcp", host: "127.0.0.1", port: 0 })).url };
  stop = () => server.stop();
  bench = openBench();
});
afterAll(async () => {
  await stop();
  await bench.close();
  await node.finish();
});

const run = (...argv: string[]) => bench.run([...argv, "--session", "ann"], { env });

test("episodic add prints the id; search and recent show it", async () => {
  const options = ["--project", "shop", "--outcome", "failure", "--importance", "0.9", "--at", "2h"];
  const added = await run("episodic", "add", "the deploy failed", "on a full disk", ...options);
  const id = added.out.trim();
  expect(await node.must("GET", `/episodes/${id}`)).toMatchObject({
    content: "the deploy failed on a full disk",
    outcome: "failure",
    emotional_valence: 0.9,
    context: { project: "shop" },
  });
  const found = await run("episodic", "search", "why did the deploy fail", "--explain");
  expect(found.out).toContain(id);
  expect(found.out).toContain("recency");
  expect((await run("episodic", "recent", "--project", "shop")).out).toContain("full disk");
  expect((await run("episodic", "search", "bananas")).err).toContain("no episode");
  const document = JSON.parse((await run("episodic", "search", "deploy", "--json")).out);
  expect(document.episodes[0].id).toBe(id);
});

test("semantic add and search", async () => {
  const id = (
    await run("semantic", "add", "pump1", "the", "pump in the cellar", "--type", "TOOL")
  ).out.trim();
  const found = await run("semantic", "search", "cellar", "pump", "--type", "TOOL");
  expect(found.out.split("\t").slice(1)).toEqual([id, "TOOL", "pump1", "the pump in the cellar\n"]);
});

test("procedural add and search", async () => {
  const steps = ["--step", "build", "--step", "copy to the host"];
  const id = (
    await run("procedural", "add", "deploy", "bring a release out", "--domain", "devops", ...steps)
  ).out.trim();
  const found = await run("procedural", "search", "bring out a release");
  expect(found.out).toBe(`${id}\tdevops\tdeploy\t100 % of 0\t1. build 2. copy to the host\n`);
});

test("status counts what the session holds", async () => {
  const { out } = await run("status", "--json");
  expect(JSON.parse(out)).toMatchObject({
    session_id: "ann",
    episodic: { total_episodes: 1 },
    semantic: { total_entities: 1 },
    procedural: { total_skills: 1 },
  });
});

test("what is refused is one sentence and an exit code", async () => {
  const { code, err } = await bench.run(["episodic", "add", "x", "--session", "admin"], { env });
  expect(code).toBe(2);
  expect(err).toContain("X-Session-ID");
  expect((await run("episodic", "add", "x", "--outcome", "great")).code).toBe(2);
});
