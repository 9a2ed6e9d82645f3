/** An encrypted node from outside: nothing readable in any file, however it ends; no start without its key. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { filesUnder, hashFiles, run, scratch, suite, TestNode } from "./harness.ts";

const KEY = "7d".repeat(32);
const ENV = {
  DWBASE_NODE_STORAGE_ENCRYPTION_ENABLED: "true",
  DWBASE_NODE_STORAGE_KEY_ID: "CARD",
  DWBASE_KEY_CARD: KEY,
};
const VECTOR = [0.5, 0.25, -0.125, 0.0625];
const TRACES = [
  ...["zebrafinch", "qqlabel", "qqsession", "qqlink"].map((word) => Buffer.from(word)),
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

suite("encryption", () => {
  test("no file shows what was remembered: served, killed, stopped, forgotten", async () => {
    const dir = join(scratch(), "data");
    let node = await TestNode.start({ dir, env: ENV });
    const batch = await node.post("/remember/batch", {
      atoms: Array.from({ length: 400 }, (_, i) => marked(i)),
    });
    expect(batch.status).toBe(200);
    const answer = await node.post("/ask", { world: "w", text: "which bird sang" });
    expect(answer.body.supporting_atoms.length).toBeGreaterThan(0);
    expect(found(dir)).toEqual([]);
    await node.kill();
    expect(found(dir)).toEqual([]);
    node = await TestNode.start({ dir, env: ENV });
    expect((await node.get(`/atoms/${batch.body.ids[3]}`)).body.payload_json).toContain("zebrafinch sang 3");
    expect((await node.send("DELETE", `/atoms/${batch.body.ids[3]}`)).status).toBe(204);
    await node.stop();
    expect(found(dir)).toEqual([]);
    const { code } = await run(["storage", "check", "--deep", "--data-dir", dir], {
      env: { DWBASE_KEY_CARD: KEY },
    });
    expect(code).toBe(0);
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
    await node.post("/remember/batch", { atoms: Array.from({ length: 10 }, (_, i) => marked(i)) });
    expect(found(node.dir)).toHaveLength(TRACES.length);
    await node.stop();
  });
});
