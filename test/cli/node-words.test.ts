import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { refusal } from "../client/fake-node.ts";
import { type Bench, openBench } from "./harness.ts";

let bench: Bench;

beforeEach(() => {
  bench = openBench();
});
afterEach(() => bench.close());

const sent = (at = -1) => JSON.parse(bench.node.requests.at(at)!.body);
const json = (text: string) => JSON.parse(text);

test("remember prints the id of a text", async () => {
  const { code, out } = await bench.run(["remember", "home", "the", "boiler", "was serviced"]);
  expect(code).toBe(0);
  expect(bench.node.atoms.has(out.trim())).toBe(true);
  expect(sent()).toEqual({
    world: "home",
    worker: "cli",
    kind: "observation",
    payload_json: '{"text":"the boiler was serviced"}',
  });
});

test("remember takes every field", async () => {
  const id = "01980a3c-7a52-7c11-b1de-0242ac120002";
  const options = [
    "--worker",
    "w",
    "--kind",
    "plan",
    "--importance",
    "0.9",
    "--label",
    "a",
    "--label",
    "007",
  ];
  const links = ["--link", id, "--link", `confirms:${id}`, "--supersedes", id];
  const more = ["--timestamp", "2026-03-01T00:00:00Z", "--payload-json", '{"t":1}', "--json"];
  const { out } = await bench.run(["remember", "home", ...options, ...links, ...more]);
  expect(json(out)).toEqual({ id: [...bench.node.atoms.keys()][0] });
  expect(sent()).toEqual({
    world: "home",
    worker: "w",
    kind: "plan",
    timestamp: "2026-03-01T00:00:00.000Z",
    importance: 0.9,
    labels: ["a", "007"],
    links: [
      { target: id, kind: "references" },
      { target: id, kind: "confirms" },
      { target: id, kind: "supersedes" },
    ],
    payload_json: '{"t":1}',
  });
});

test("remember - stores a memory for each line: text, a payload or a whole atom", async () => {
  const atom = '{"worker":"pump","kind":"action","world":"elsewhere","payload_json":"{}"}';
  const stdin = ["first line\n", `{"temperature":21.5}\n\n${atom}\n`];
  const { code, out } = await bench.run(["remember", "home", "-", "--label", "x"], { stdin });
  expect(code).toBe(0);
  const atoms = [...bench.node.atoms.values()];
  expect(out.trim().split("\n")).toEqual(atoms.map(({ id }) => String(id)));
  expect(
    atoms.map(({ world, worker, payload_json, labels }) => [world, worker, payload_json, labels]),
  ).toEqual([
    ["home", "cli", '{"text":"first line"}', ["x"]],
    ["home", "cli", '{"temperature":21.5}', ["x"]],
    ["home", "pump", "{}", ["x"]],
  ]);
});

test("remember - goes on after a refused line, names it and exits 1", async () => {
  const stdin = 'good\n\n{"worker":7,"payload_json":"{}"}\nalso good\n';
  const plain = await bench.run(["remember", "home", "-"], { stdin });
  expect([plain.code, plain.err]).toEqual([1, "line 3: worker is missing\n"]);
  expect(plain.out.trim().split("\n")).toHaveLength(2);
  const { out } = await bench.run(["remember", "home", "-", "--json"], { stdin });
  const lines = out.trim().split("\n").map(json);
  expect(lines[1]).toEqual({ line: 3, code: "invalid_input", error: "worker is missing" });
});

const WRONG: string[][] = [
  ["remember", "home"],
  ["remember", "home", "text", "--payload-json", "{}"],
  ["remember", "home", "--payload-json", "{"],
  ["remember", "home", "-", "--payload-json", "{}"],
  ["remember", "home", "x", "--importance", "2"],
  ["remember", "home", "x", "--link", "likes:abc"],
  ["ask", "home"],
  ["ask", "home", "a", "-q", "b"],
  ["ask", "home", "a", "--limit", "101"],
  ["world", "policy", "home"],
  ["world", "delete", "home"],
  ["replay", "home", "--since", "whenever"],
  ["inspect"],
  ["inspect", "a", "b"],
];
for (const argv of WRONG) {
  test(`wrong usage: ${argv.join(" ")}`, async () => {
    const { code, out, err } = await bench.run(argv);
    expect([code, out, bench.node.requests]).toEqual([2, "", []]);
    expect(err).toMatch(/^dwbase: [^\n]+\n$/);
  });
}

test("ask: the sentence first, then the memories", async () => {
  await bench.run(["remember", "home", "the filter was changed"]);
  const plain = await bench.run(["ask", "home", "when", "was", "it?"]);
  const [id] = bench.node.atoms.keys();
  expect(sent()).toEqual({ world: "home", text: "when was it?" });
  expect(plain.out).toBe(
    `The filter was changed in May.\n1\t${id}\t2026-06-01T00:00:00.000Z\tcli\tthe filter was changed\n`,
  );
  expect(plain.err).toBe("note: the index is being rebuilt\n");
  const whole = await bench.run(["ask", "home", "-q", "it?", "--json"]);
  expect(json(whole.out).supporting_atoms).toHaveLength(1);
  expect(whole.err).toBe("");
});

test("ask passes its filters on and explains", async () => {
  await bench.run(["remember", "home", "x"]);
  const argv = ["ask", "home", "x?", "-l", "3", "--label", "a", "--label", "b", "--since", "2h", "--explain"];
  const { out } = await bench.run(argv);
  expect(sent()).toEqual({
    world: "home",
    text: "x?",
    filter: { labels: ["a", "b"], since: new Date(new Date(2026, 5, 1, 10).getTime()).toISOString() },
    limit: 3,
    explain: true,
  });
  expect(out).toContain("score 1.500 = lexical 1.000 + semantic 0.500");
});

test("ask prompts on a terminal for a missing question", async () => {
  await bench.run(["remember", "home", "x"]);
  const { code, err } = await bench.run(["ask", "home"], { tty: true, stdin: ["what is", " it?\nmore"] });
  expect(code).toBe(0);
  expect(err).toStartWith("Question> ");
  expect(sent().text).toBe("what is it?");
  expect((await bench.run(["ask", "home"], { tty: true, stdin: "\n" })).code).toBe(2);
});

test("an answer without memories says so on stderr", async () => {
  const { code, out, err } = await bench.run(["ask", "empty", "what?"]);
  expect([code, out]).toEqual([0, ""]);
  expect(err).toContain("nothing in empty answers that");
});

test("remembered text cannot steer the terminal", async () => {
  await bench.run(["remember", "home", "red \x1b[31m alert\x07\nnext"]);
  const { out } = await bench.run(["replay", "home"], { tty: true });
  expect(out).toContain("red alert next");
  expect(out).not.toContain("\x1b");
});

test("list-worlds: names in a pipe, a table on a terminal, the whole as JSON", async () => {
  await bench.run(["remember", "home", "x"]);
  await bench.run(["remember", "garden", "x"]);
  expect((await bench.run(["list-worlds"])).out).toBe("garden\nhome\n");
  expect((await bench.run(["list-worlds"], { tty: true })).out).toMatch(/WORLD +ATOMS.*\ngarden +1 +100 B/);
  expect(json((await bench.run(["list-worlds", "--json"])).out)[0].name).toBe("garden");
  await bench.run(["list-worlds", "--archived"]);
  expect(bench.node.requests.at(-1)?.path).toBe("/worlds?counts=true&archived=true");
});

test("replay: a line each, oldest first; one JSON array, also when empty", async () => {
  for (const text of ["one", "two", "three", "four"]) await bench.run(["remember", "home", text]);
  const texts = (await bench.run(["replay", "home", "-l", "4"])).out
    .trim()
    .split("\n")
    .map((line) => line.split("\t")[4]);
  expect(texts).toEqual(["one", "two", "three", "four"]);
  expect(json((await bench.run(["replay", "home", "--json"])).out)).toHaveLength(4);
  expect(json((await bench.run(["replay", "none", "--json"])).out)).toEqual([]);
  await bench.run(["replay", "home", "--since", "today"]);
  expect(sent().filter.since).toBe(new Date(2026, 5, 1).toISOString());
});

test("inspect and forget; what is not there is exit 3", async () => {
  const id = (await bench.run(["remember", "home", "x"])).out.trim();
  expect(json((await bench.run(["inspect", id, "--json"])).out).id).toBe(id);
  expect((await bench.run(["inspect", id])).out).toContain('payload: {"text":"x"}\n');
  expect((await bench.run(["forget", id])).out).toBe(`forgotten ${id}\n`);
  const { code, err } = await bench.run(["inspect", id]);
  expect([code, err]).toEqual([3, `dwbase: there is no atom ${id}\n`]);
});

test("world create, archive, resume, delete and policy", async () => {
  await bench.run(["world", "create", "home", "--description", "the house", "--labels", "a, b"]);
  expect(sent()).toEqual({ action: "create", world: "home", description: "the house", labels: ["a", "b"] });
  for (const [action, done] of [
    ["archive", "archived"],
    ["resume", "resumed"],
  ] as const) {
    expect((await bench.run(["world", action, "home"])).out).toBe(`${done} home\n`);
    expect(sent()).toEqual({ action, world: "home" });
  }
  expect(json((await bench.run(["world", "delete", "home", "--yes", "--json"])).out).done).toBe("deleted");
  const policy = ["--retention-days", "30", "--max-bytes", "1000", "--replication-deny", "a,b"];
  expect((await bench.run(["world", "policy", "home", ...policy])).out).toBe("policy-1\n");
  expect(sent()).toEqual({
    world: "home",
    retention_days: 30,
    max_bytes: 1000,
    replication_deny: ["a", "b"],
  });
});

test("consolidate asks for a light pass, --deep for a deep one, and prints what changed", async () => {
  const results = { examined: 12, merged: 3, skills_created: 1 };
  for (const deep of [false, true]) {
    const type = deep ? "deep" : "light";
    bench.node.script.push(() => Response.json({ success: true, type, results }));
    const { code, out } = await bench.run(["consolidate", ...(deep ? ["--deep"] : []), "--session", "pump"]);
    expect([code, out]).toEqual([0, `consolidation: ${type}\nexamined: 12\nmerged: 3\nskills created: 1\n`]);
    expect(sent()).toEqual({ deep });
    expect(bench.node.requests.at(-1)).toMatchObject({ method: "POST", path: "/api/v1/consolidate" });
  }
});

test("consolidate exits 1 where a part of the pass failed, and says so as JSON", async () => {
  const answer = { success: false, type: "light", results: { examined: 0 } };
  bench.node.script.push(() => Response.json(answer));
  const { code, out } = await bench.run(["consolidate", "--json"]);
  expect([code, json(out)]).toEqual([1, answer]);
});

test("index status", async () => {
  expect((await bench.run(["index", "status"])).out).toBe("home\texact\tready\t3\t0\tstatic\tnever\n");
});

test("the node's refusals become exit codes", async () => {
  const cases = [
    [401, "unauthenticated", 4],
    [403, "world_archived", 4],
    [404, "not_found", 3],
    [409, "conflict", 1],
    [410, "gone", 3],
    [413, "payload_too_large", 2],
    [429, "rate_limited", 4],
    [503, "read_only", 4],
    [507, "disk_full", 7],
    [500, "internal_error", 1],
  ] as const;
  for (const [status, name, exit] of cases) {
    bench.node.script.push(() => refusal(status, name, "the node's sentence"));
    const { code, out, err } = await bench.run(["remember", "home", "x", "--json"]);
    expect([code, out]).toEqual([exit, ""]);
    expect(err).toStartWith("dwbase: the node's sentence");
  }
});

test("a node that is not there is exit 5", async () => {
  expect((await bench.run(["list-worlds", "--api", "http://127.0.0.1:1"])).code).toBe(5);
});

test("the key comes from the flag, the environment or the local node's file, in this order, the file's only when asked for", async () => {
  const key = () => bench.node.requests.at(-1)!.key;
  writeFileSync(join(bench.dir, "dwbase.toml"), '[node]\ndata_dir = "data"\n');
  await bench.run(["list-worlds"]);
  expect(key()).toBeNull();
  mkdirSync(join(bench.dir, "data/secrets"), { recursive: true });
  writeFileSync(join(bench.dir, "data/secrets/admin.key"), "from-file\n");
  await bench.run(["list-worlds"]);
  expect(key()).toBeNull();
  bench.node.script.push(() => refusal(401, "unauthenticated", "this node needs a key"));
  expect((await bench.run(["list-worlds"])).code).toBe(0);
  expect(key()).toBe("from-file");
  await bench.run(["list-worlds"], { env: { DWBASE_API_KEY: "from-env" } });
  expect(key()).toBe("from-env");
  await bench.run(["--key", "from-flag", "list-worlds"], { env: { DWBASE_API_KEY: "from-env" } });
  expect(key()).toBe("from-flag");
});

test("health keeps the convention of monitoring plug-ins", async () => {
  const ok = await bench.run(["health"]);
  expect([ok.code, ok.out]).toEqual([
    0,
    "DWBASE OK - ready | rss=50000000B;;128000000;0 disk=4096B;;1000000;0 disk_used=50%;;;0;100 index_lag=0ms;;;0 uptime=12s;;;0\n",
  ]);
  const checks = [{ name: "disk", status: "warning", message: "93 % | used" }];
  const { HEALTH } = await import("../client/fake-node.ts");
  const degraded = { ...HEALTH, status: "degraded", message: "degraded", checks };
  bench.node.script.push(() => Response.json(degraded));
  const warning = await bench.run(["health"]);
  expect(warning.code).toBe(1);
  expect(warning.out).toStartWith("DWBASE WARNING - degraded; disk: 93 % / used | rss=");
  const young = { memory: { ...HEALTH.memory, budget_bytes: 0 }, disk: { ...HEALTH.disk, budget_bytes: 0 } };
  bench.node.script.push(() => Response.json({ ...HEALTH, ...young }));
  expect((await bench.run(["health"])).out).toContain("rss=50000000B;;;0 disk=4096B;;;0");
  const down = await bench.run(["health", "--api", "http://127.0.0.1:1", "--json"]);
  expect([down.code, json(down.out).state]).toEqual([2, "CRITICAL"]);
  expect((await bench.run(["health", "--bogus"])).code).toBe(3);
  expect((await bench.run(["health", "--timeout", "soon"])).code).toBe(3);
});

test("export writes JSON Lines to stdout or, whole or not at all, to a file", async () => {
  for (const text of ["one", "two", "three", "four"]) await bench.run(["remember", "home", text]);
  const { out } = await bench.run(["export", "home"]);
  expect(
    out
      .trim()
      .split("\n")
      .map((line) => json(json(line).payload_json).text),
  ).toEqual(["one", "two", "three", "four"]);
  const done = await bench.run(["export", "home", "--out", "home.jsonl", "--json"]);
  expect(json(done.out)).toMatchObject({ world: "home", atoms: 4 });
  expect(readFileSync(join(bench.dir, "home.jsonl"), "utf8")).toBe(out);

  bench.node.script.push(() => refusal(503, "storage_error", "the disk failed"));
  expect((await bench.run(["export", "home", "--out", "home.jsonl"])).code).toBe(1);
  expect(readFileSync(join(bench.dir, "home.jsonl"), "utf8")).toBe(out);
  expect(readdirSync(bench.dir)).toEqual(["home.jsonl"]);
});
