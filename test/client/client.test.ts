import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "../../src/base/mod.ts";
import { Client, parseApi } from "../../src/client/mod.ts";
import { type FakeNode, refusal, startFakeNode } from "./fake-node.ts";

let fake: FakeNode;
let client: Client;

beforeEach(() => {
  fake = startFakeNode();
  client = new Client({ api: fake.url });
});
afterEach(() => fake.stop());

const ATOM = { world: "home", worker: "w", kind: "observation", payload_json: '{"text":"hi"}' } as const;

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    () => new Error("it went well"),
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(Fault);
  return error;
}

test("an atom is remembered, read, asked for and forgotten", async () => {
  const id = await client.remember(ATOM);
  expect((await client.get(id)).payload_json).toBe(ATOM.payload_json);
  expect((await client.ask({ world: "home", text: "hi?" })).supporting_atoms.map((atom) => atom.id)).toEqual([
    id,
  ]);
  expect((await client.worlds({ archived: false })).map(({ name, atoms }) => [name, atoms])).toEqual([
    ["home", 1],
  ]);
  await client.forget(id);
  expect((await faultOf(client.get(id))).code).toBe("not_found");
});

test("a replay goes through all pages, and stops at the limit", async () => {
  const ids: string[] = [];
  for (let i = 0; i < 8; i++) ids.push(await client.remember(ATOM));
  const all = await Array.fromAsync(client.replay("home"));
  expect(all.map((atom) => atom.id)).toEqual(ids);
  const some = await Array.fromAsync(client.replay("home", { limit: 4 }));
  expect(some.map((atom) => atom.id)).toEqual(ids.slice(0, 4));
});

test("a replay whose cursor does not move ends with a fault", async () => {
  const page = () => Response.json([], { headers: { "x-next-after": "same" } });
  fake.script.push(page, page, page);
  expect((await faultOf(Array.fromAsync(client.replay("home")))).code).toBe("internal_error");
});

test("the key is sent, and asked for in the sentence when it is missing", async () => {
  await new Client({ api: fake.url, key: "sesame" }).indexStatus();
  expect(fake.requests.at(-1)?.key).toBe("sesame");
  fake.script.push(() => refusal(401, "unauthenticated", "a key is needed"));
  const fault = await faultOf(client.indexStatus());
  expect(fault.code).toBe("unauthenticated");
  expect(fault.message).toContain("DWBASE_API_KEY");
});

test("faults carry the node's own code, sentence and Retry-After", async () => {
  fake.script.push(() => refusal(429, "rate_limited", "slow down", { "retry-after": "7" }));
  const fault = await faultOf(client.indexStatus());
  expect([fault.code, fault.message, fault.retryAfter]).toEqual(["rate_limited", "slow down", 7]);
});

test("an answer without a code, such as a proxy's, is named by its status", async () => {
  const cases = [
    [413, "payload_too_large"],
    [502, "unreachable"],
    [507, "disk_full"],
    [500, "internal_error"],
    [302, "internal_error"],
  ] as const;
  for (const [status, code] of cases) {
    fake.script.push(
      () => new Response("<html>", { status, headers: { location: "http://elsewhere.invalid/" } }),
    );
    expect((await faultOf(client.indexStatus())).code).toBe(code);
  }
});

test("what is not a node is said to be none", async () => {
  fake.script.push(() => new Response("<html>hello"));
  expect((await faultOf(client.health())).message).toContain("not a dwbase node");
  fake.script.push(() => Response.json({ hello: "world" }));
  expect((await faultOf(client.health())).message).toContain("not a dwbase node");
});

test("nothing listening, and no answer in time, are both unreachable", async () => {
  const silent = new Client({ api: fake.url, timeoutMs: 30 });
  fake.script.push(() => new Promise(() => {}));
  const late = await faultOf(silent.health());
  expect([late.code, late.message]).toEqual([
    "unreachable",
    `the node at ${fake.url} did not answer within 0.03 s`,
  ]);
  await fake.stop();
  const gone = await faultOf(client.health());
  expect(gone.code).toBe("unreachable");
  expect(gone.message).toEndWith(
    "nothing listens there; start one with `dwbase serve` or name it with --api",
  );
  const told = new Client({ api: fake.url, hint: "look in the cellar" });
  expect((await faultOf(told.health())).message).toEndWith("nothing listens there; look in the cellar");
});

test("a node on a Unix socket is reached", async () => {
  const dir = mkdtempSync(join(tmpdir(), "dwbase-client-"));
  const socket = startFakeNode({ unix: join(dir, "s.sock") });
  try {
    expect((await new Client({ api: socket.url }).health()).status).toBe("ready");
    const missing = await faultOf(new Client({ api: `unix://${dir}/none.sock` }).health());
    expect(missing.message).toContain("no such socket");
  } finally {
    await socket.stop();
    rmSync(dir, { recursive: true });
  }
});

test("a proxy in the environment is not asked for a node on this machine", async () => {
  const script = `
    import { Client } from ${JSON.stringify(join(import.meta.dir, "../../src/client/mod.ts"))};
    console.log((await new Client({ api: ${JSON.stringify(fake.url)} }).health()).status);`;
  const proxy = "http://127.0.0.1:1";
  const env = { ...process.env, HTTP_PROXY: proxy, http_proxy: proxy, NO_PROXY: "", no_proxy: "" };
  const child = Bun.spawn([process.execPath, "-e", script], { env, stderr: "pipe" });
  expect((await child.stdout.text()).trim()).toBe("ready");
});

test("addresses", () => {
  expect(parseApi("http://127.0.0.1:8080/")).toMatchObject({ base: "http://127.0.0.1:8080", local: true });
  expect(parseApi("http://[::1]:8080")).toMatchObject({ base: "http://[::1]:8080", local: true });
  expect(parseApi("https://pi.example/dwbase/")).toMatchObject({
    base: "https://pi.example/dwbase",
    local: false,
  });
  expect(parseApi("unix:///run/d.sock")).toMatchObject({ unix: "/run/d.sock", local: true });
  expect(parseApi("unix:/run/d.sock")).toMatchObject({ unix: "/run/d.sock" });
  for (const bad of [
    "",
    "localhost:8080",
    "ftp://x",
    "http://",
    "unix:relative",
    "http://x/?q",
    "http://u:p@x",
  ]) {
    expect(() => parseApi(bad)).toThrow(Fault);
  }
});
