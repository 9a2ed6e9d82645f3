/** Memory that stays critical ends in an orderly restart, with nothing acknowledged lost. */
import { expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { atomOf, deepCheck, figure, scratch, suite, TestNode, until } from "./harness.ts";

const SOURCE = resolve(import.meta.dir, "preload/hog.c");
const AFTER_MS = 3000;

function buildHog(): string {
  const library = join(scratch(), "hog.so");
  const { success, stderr } = Bun.spawnSync([
    "gcc",
    "-shared",
    "-fPIC",
    "-O1",
    "-pthread",
    "-o",
    library,
    SOURCE,
  ]);
  if (!success) throw new Error(stderr.toString());
  return library;
}

suite("memory that does not come back", () => {
  test("is refused to new work with 503, and after 30 s the node exits with 75, all that it acknowledged kept", async () => {
    const env = {
      LD_PRELOAD: buildHog(),
      HOG_MB: "110",
      HOG_AFTER_MS: String(AFTER_MS),
      DWBASE_MAX_RAM_MB: "128",
    };
    const node = await TestNode.start({ env });
    const ids: string[] = [];
    let refused = 0;
    await until("memory is critical", 20_000, async () => {
      const { status, body } = await node.post("/remember", atomOf(`memory ${ids.length}`));
      if (status === 200) ids.push(body);
      else refused += 1;
      return refused > 3;
    });
    const began = performance.now();
    const health = (await node.get("/health")).body;
    expect([health.status, health.memory.stage]).toEqual(["degraded", "critical"]);
    expect((await node.get("/healthz")).status).toBe(200);
    const { status, body, headers } = await node.post("/remember", atomOf("one more"));
    expect([status, body.code, headers.get("retry-after")]).toEqual([503, "overloaded", "1"]);
    expect(body.error).toContain("memory budget");
    expect(await node.ended).toBe(75);
    figure(
      `memory critical: exit 75 after ${((performance.now() - began) / 1000).toFixed(1)} s, ${ids.length} memories kept`,
    );
    const again = await TestNode.start({ dir: node.dir });
    expect((await again.replay("home")).map((atom) => atom.id)).toEqual(ids);
    await again.stop();
    await deepCheck(node.dir);
  });
});
