/** The native vector library in the built program: where it lies, what is refused, and life without it. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Dice, sentence } from "../../src/load/mod.ts";
import { atomOf, deepCheck, scratch, suite, TestNode, until } from "./harness.ts";
import { mayMount, mount, unmount } from "./volumes.ts";

const ENV = { DWBASE_MAX_RAM_MB: "512", DWBASE_NODE_INDEX_ANN_THRESHOLD: "200" };

async function fill(node: TestNode): Promise<void> {
  const dice = new Dice(3);
  const atoms = Array.from({ length: 400 }, () => atomOf(sentence(dice, 12)));
  expect((await node.post("/remember/batch", { atoms })).status).toBe(200);
}

const mode = async (node: TestNode): Promise<string> =>
  (await node.post("/ask", { world: "home", text: "some question of mine" })).body.mode;

suite("the native library", () => {
  test("lies in the data directory, private; a tampered file of the same size is replaced, never loaded", async () => {
    const tmp = join(scratch(), "tmp");
    mkdirSync(tmp);
    const env = { ...ENV, TMPDIR: tmp };
    const node = await TestNode.start({ env });
    await fill(node);
    await until("the graph serves", 20_000, async () => (await mode(node)) === "ann");
    expect(readdirSync(tmp)).toEqual([]);
    const [name] = readdirSync(join(node.dir, "lib"));
    const path = join(node.dir, "lib", name!);
    await node.stop();
    const whole = readFileSync(path);
    const tampered = Buffer.from(whole);
    tampered.fill(0xcc, 4096, 8192);
    writeFileSync(path, tampered);
    const again = await TestNode.start({ dir: node.dir, env });
    await until("the graph serves", 20_000, async () => (await mode(again)) === "ann");
    expect(readFileSync(path).equals(whole)).toBe(true);
    expect(again.log.some((line) => String(line.msg).includes("was not loaded"))).toBe(true);
    await again.stop();
    await deepCheck(node.dir);
  });

  test.skipIf(!mayMount())(
    "on a volume without exec worlds are scanned, and the health says why (needs root)",
    async () => {
      const volume = scratch();
      mount("-t", "tmpfs", "-o", "noexec,size=128m", "tmpfs", volume);
      try {
        const node = await TestNode.start({ dir: join(volume, "data"), env: ENV });
        await fill(node);
        expect(await mode(node)).toBe("exact");
        await until("the health says why", 10_000, async () => {
          const { body } = await node.get("/health");
          const index = body.checks.find((check: { name: string }) => check.name === "index");
          return index.status === "warning" && index.message.includes("cannot be loaded");
        });
        expect(await mode(node)).toBe("exact");
        await node.stop();
        await deepCheck(node.dir);
      } finally {
        unmount(volume);
      }
    },
  );
});
