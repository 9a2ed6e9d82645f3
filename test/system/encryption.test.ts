/** An encrypted node from outside: nothing readable in any file, however it ends; no start without its key. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filesUnder, hashFiles, run, scratch, suite, TestNode } from "./harness.ts";

const KEY = "7d".repeat(32);
const KEYED = { DWBASE_KEY_CARD: KEY };
const ENV = {
  DWBASE_NODE_STORAGE_ENCRYPTION_ENABLED: "true",
  DWBASE_NODE_STORAGE_KEY_ID: "CARD",
  ...KEYED,
};
const VECTOR = [0.5, 0.25, -0.125, 0.0625];
const TRACES = [
  ...["zebrafinch", "qqlabel", "qqsession", "qqlink", "qqretried"].map((word) => Buffer.from(word)),
  ...["qqepisode", "qqproject", "qqentity", "qqsummary", "qqskill", "qqstep"].map((word) =>
    Buffer.from(word),
  ),
  Buffer.from(new Float32Array(VECTOR).buffer),
];

function found(dir: string): string[] {
  const files = filesUnder(dir).map((path) => readFileSync(path));
  return TRACES.filter((trace) => files.some((bytes) => bytes.includes(trace))).map(String);
}

const marked = (i: number) => ({
  world: "w",
  worker: "ann",
  kind: "observation",
  payload_json: JSON.stringify({ text: `a zebrafinch sang ${i}` }),
  labels: ["qqlabel", `session:qqsession${i % 3}`],
  links: [{ target: "qqlink", kind: "references" }],
  vector: VECTOR,
});

/** Memories of every sort. @returns ids of the atoms */
async function fill(node: TestNode, count: number): Promise<string[]> {
  const atoms = Array.from({ length: count }, (_, i) => marked(i));
  const { ids } = (await node.post("/remember/batch", { atoms })).body;
  const retried = { ...marked(count), payload_json: JSON.stringify({ text: "a qqretried bird" }) };
  const key = { headers: { "Idempotency-Key": "once" } };
  for (let n = 0; n < 2; n++) await node.send("POST", "/remember", { json: retried, ...key });
  const memory = async (path: string, json: object) => {
    const { status } = await node.send("POST", `/api/v1/${path}`, { json, headers: { "X-Session-ID": "s" } });
    expect(status).toBe(201);
  };
  await memory("episodes", { content: "a qqepisode", project: "qqproject" });
  await memory("entities", { name: "qqentity", entity_type: "TOOL", summary: "a qqsummary" });
  const steps = [{ order: 1, action: "a qqstep" }];
  await memory("skills", { name: "qqskill", domain: "devops", task: "listen", steps });
  return ids;
}

suite("encryption", () => {
  test("no file shows what was remembered: served, killed, stopped, forgotten", async () => {
    const dir = join(scratch(), "data");
    let node = await TestNode.start({ dir, env: ENV });
    const ids = await fill(node, 400);
    const answer = await node.post("/ask", { world: "w", text: "which bird sang" });
    expect(answer.body.supporting_atoms.length).toBeGreaterThan(0);
    expect(found(dir)).toEqual([]);
    await node.kill();
    expect(found(dir)).toEqual([]);
    node = await TestNode.start({ dir, env: ENV });
    expect((await node.get(`/atoms/${ids[3]}`)).body.payload_json).toContain("zebrafinch sang 3");
    expect((await node.send("DELETE", `/atoms/${ids[3]}`)).status).toBe(204);
    await node.stop();
    expect(found(dir)).toEqual([]);
    const { code } = await run(["storage", "check", "--deep", "--data-dir", dir], { env: KEYED });
    expect(code).toBe(0);
  });

  test("a backup of it shows nothing either, packed, unpacked or restored", async () => {
    const node = await TestNode.start({ dir: join(scratch(), "data"), env: ENV });
    await fill(node, 50);
    const drive = scratch();
    const archive = join(drive, "a.tzst");
    // it needs no key
    expect((await run(["backup", "create", "--data-dir", node.dir, "--out", archive])).code).toBe(0);
    await node.stop();
    writeFileSync(join(drive, "unpacked.tar"), Bun.zstdDecompressSync(readFileSync(archive)));
    const restore = ["backup", "restore", "--input", archive, "--data-dir", join(drive, "restored")];
    expect((await run(restore, { env: KEYED })).code).toBe(0);
    expect(found(drive)).toEqual([]);
  });

  test("a store that was open before shows nothing once it is rekeyed, in freed pages neither", async () => {
    const node = await TestNode.start({});
    const ids = await fill(node, 200);
    for (const id of ids.slice(0, 40)) await node.send("DELETE", `/atoms/${id}`);
    await node.stop();
    expect(found(node.dir)).toHaveLength(TRACES.length);
    const rekey = ["storage", "rekey", "--to", "CARD", "--data-dir", node.dir];
    expect((await run(rekey, { env: KEYED })).code).toBe(0);
    expect(found(node.dir)).toEqual([]);
    const again = await TestNode.start({ dir: node.dir, env: ENV });
    expect((await again.get(`/atoms/${ids[50]}`)).body.payload_json).toContain("zebrafinch");
    await again.stop();
    expect(found(node.dir)).toEqual([]);
  });

  test("a node without its key, or with a wrong one, does not start and changes nothing", async () => {
    const dir = join(scratch(), "data");
    const node = await TestNode.start({ dir, env: ENV });
    await node.post("/remember", marked(1));
    await node.stop();
    const before = hashFiles(dir);
    for (const env of [{}, { DWBASE_KEY_CARD: "00".repeat(32) }]) {
      const { code, err } = await run(["serve", "--listen", "127.0.0.1:0", "--data-dir", dir], { env });
      expect(code).toBe(4);
      expect(err).toContain('the key "CARD"');
      expect(hashFiles(dir)).toEqual(before);
    }
  });

  test("the same search finds each of them in a store that is not encrypted", async () => {
    const node = await TestNode.start({});
    await fill(node, 10);
    expect(found(node.dir)).toHaveLength(TRACES.length);
    await node.stop();
  });
});
