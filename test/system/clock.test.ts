import { expect, test } from "bun:test";
import { join } from "node:path";
import { FaultyDisk } from "./faults.ts";
import { atomOf, deepCheck, scratch, suite, TestNode, until } from "./harness.ts";

const YEAR_S = 365 * 24 * 3600;

suite("a clock that steps", () => {
  test("by years while the node runs hides, reorders and evicts nothing", async () => {
    const clock = FaultyDisk.make("*");
    const dir = join(scratch(), "data");
    const node = await TestNode.start({ dir, env: clock.env });
    await node.post("/worlds/policy", { world: "home", retention_days: 30 });
    const ids: string[] = [];
    const years: number[] = [];
    for (const off of [0, -1, 0, 12, -30, 0]) {
      clock.set({ clockShiftS: off * YEAR_S });
      ids.push(await node.remember(atomOf(`the kettle, ${off} years off`)));
      years.push(new Date((await node.get(`/atoms/${ids.at(-1)}`)).body.timestamp).getUTCFullYear());
      // what a retention pass would take goes within a second of a new policy
      await node.post("/worlds/policy", { world: "home", retention_days: 30 });
      await Bun.sleep(300);
    }
    const now = new Date().getUTCFullYear();
    expect(years).toEqual([now, now - 1, now, now + 12, now - 30, now]);
    expect((await node.replay("home")).map(({ id }) => id)).toEqual(ids);
    const asked = await node.post("/ask", { world: "home", text: "kettle", limit: 100 });
    expect(asked.body.supporting_atoms.map(({ id }: { id: string }) => id).sort()).toEqual([...ids].sort());
    await until("health answers", 5000, async () => (await node.get("/health")).status === 200);
    await node.kill();
    clock.close();
    const again = await TestNode.start({ dir });
    expect((await again.replay("home")).map(({ id }) => id)).toEqual(ids);
    await again.stop();
    await deepCheck(dir);
  });
});
