/** dwbase doctor and support-bundle as a person runs them. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { strFromU8, unzipSync } from "fflate";
import { atomOf, deepCheck, run, scratch, suite, TestNode, until } from "./harness.ts";

const PLANTED = {
  WW_API_KEY: "planted-api-key-1234567890",
  WW_ADMIN_API_KEY: "planted-admin-key-1234567890",
  DWBASE_EMBEDDER_KEY: "planted-embedder-key-1234567890",
  DWBASE_EMBEDDER_URL: "http://someone:planted-password@127.0.0.1:9/v1/embeddings",
  DWBASE_KEY_MAIN: "0f".repeat(32),
};
const REMEMBERED = "the safe opens with a secret word";

async function countOf(node: TestNode): Promise<number> {
  const { text } = await node.get("/metrics", { "X-API-Key": PLANTED.WW_ADMIN_API_KEY });
  return Number(/^dwbase_atoms_total (\d+)$/m.exec(text)?.[1]);
}

suite("looking for a fault", () => {
  test("the bundle helps, and holds neither a secret nor a memory", async () => {
    const node = await TestNode.start({ env: PLANTED });
    await node.remember(atomOf(REMEMBERED));
    await until("the writer has told of it", 10_000, async () => (await countOf(node)) === 1);
    const adminKey = "Zk3-x_9QmB7vR1tLw8YpA2sDf4GhJk6LzXcVbNm0QwE";
    mkdirSync(join(node.dir, "secrets"), { recursive: true });
    writeFileSync(join(node.dir, "secrets", "admin.key"), `${adminKey}\n`);
    const out = join(scratch(), "bundle.zip");
    const where = ["--data-dir", node.dir, "--api", node.url, "--key", PLANTED.WW_ADMIN_API_KEY];
    const args = ["support-bundle", "--out", out, ...where];
    const { code, err } = await run(args, { env: PLANTED });
    expect([code, err]).toEqual([0, ""]);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const files = Object.entries(unzipSync(readFileSync(out))).map(([name, bytes]): [string, string] => [
      name,
      strFromU8(bytes),
    ]);
    const text = new Map(files);
    expect([...text.keys()].sort()).toEqual([
      "config.json",
      "doctor.json",
      "health.json",
      "log.txt",
      "metrics.txt",
      "store.json",
      "version.json",
    ]);
    for (const [name, content] of files) {
      for (const secret of [...Object.values(PLANTED), "planted-password", adminKey, REMEMBERED]) {
        expect([name, content.includes(secret)]).toEqual([name, false]);
      }
    }
    expect(JSON.parse(text.get("health.json")!).status).toBeDefined();
    expect(text.get("metrics.txt")).toContain("dwbase_atoms_total 1");
    expect(JSON.parse(text.get("store.json")!)).toMatchObject({ atoms: 1, schema: expect.any(Array) });
    expect(JSON.parse(text.get("config.json")!).variables).toContain("WW_API_KEY");
    await node.stop();
    await deepCheck(node.dir);
  });

  test("the health tells what the last check of the whole database found", async () => {
    const node = await TestNode.start();
    await node.remember(atomOf(REMEMBERED));
    await node.stop();
    await deepCheck(node.dir);
    const again = await TestNode.start({ dir: node.dir });
    await until("the health tells", 10_000, async () => {
      const { body } = await again.get("/health");
      const found = body.checks.find((check: { name: string }) => check.name === "database");
      return found?.status === "ok" && /^the deep check of .* found nothing$/.test(found.message);
    });
    await again.stop();
    await deepCheck(node.dir);
  });

  test("doctor examines the device, with the node or without", async () => {
    const node = await TestNode.start();
    const args = ["doctor", "--json", "--data-dir", node.dir, "--api", node.url];
    const { out } = await run(args);
    const { findings } = JSON.parse(out);
    const names = findings.map((finding: { name: string }) => finding.name);
    for (const name of [
      "disk",
      "space",
      "filesystem",
      "clock",
      "memory_cgroup",
      "page_size",
      "native_library",
    ]) {
      expect(names).toContain(name);
    }
    for (const name of ["power", "unit", "backup", "memory_budget", "disk_budget"])
      expect(names).toContain(name);
    const library = findings.find((finding: { name: string }) => finding.name === "native_library");
    expect(library.status).toBe("ok");
    await node.stop();
    const plain = await run(["doctor", "--data-dir", node.dir, "--api", node.url]);
    expect(plain.out).toContain("dwbase serve");
    await deepCheck(node.dir);
  });
});
