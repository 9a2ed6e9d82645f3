/** A device that comes up without a network, without names and without the time. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { FaultyDisk } from "./faults.ts";
import { atomOf, deepCheck, scratch, suite, TestNode } from "./harness.ts";

/** Seconds of 1970 at which the device comes up. */
const BOOT_S = 60;
const RETENTION_MS = 1500;
/** A network namespace of its own: nothing in it but the loopback. */
const CUT_OFF = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"'];
/** Things that would call home if they could. */
const CALLS_HOME = { WW_OTEL_ENABLED: "true", WW_OTEL_ENDPOINT: "http://collector.invalid:4318" };

const ids = (atoms: readonly { id: string }[]) => atoms.map(({ id }) => id);

suite("a node whose network is down, whose names do not resolve, whose clock says 1970", () => {
  test("starts, serves, and orders memories rightly when the clock jumps to today", async () => {
    const clock = FaultyDisk.make("*");
    clock.set({ clockShiftS: BOOT_S - Math.floor(Date.now() / 1000) });
    const place = scratch();
    const dir = join(place, "data");
    const listen = `unix:${join(place, "node.sock")}`;
    const node = await TestNode.start({ dir, listen, within: CUT_OFF, env: { ...clock.env, ...CALLS_HOME } });
    const early: string[] = [];
    for (let n = 0; n < 3; n++) early.push(await node.remember(atomOf(`the kettle boiled, reading ${n}`)));
    const first = (await node.get(`/atoms/${early[0]}`)).body;
    expect([first.timestamp.slice(0, 4), first.flags]).toEqual(["1970", ["clock:unsure"]]);
    expect((await node.get("/health")).status).toBe(200);
    // a policy that takes whatever is old must not take what only looks old
    await node.post("/worlds/policy", { world: "home", retention_days: 30 });

    clock.set({ clockShiftS: 0 });
    const late: string[] = [];
    for (let n = 3; n < 6; n++) late.push(await node.remember(atomOf(`the kettle boiled, reading ${n}`)));
    await node.post("/worlds/policy", { world: "home", retention_days: 30 });
    // a new policy is acted on within a second
    await Bun.sleep(RETENTION_MS);
    await inOrder(node, early, late);
    await node.kill();
    clock.close();

    const again = await TestNode.start({ dir, listen, within: CUT_OFF });
    await inOrder(again, early, late);
    await again.stop();
    await deepCheck(dir);
  });
});

/** The log has everything in the order of its coming; an ask finds all of it, and a filter knows today's. */
async function inOrder(node: TestNode, early: readonly string[], late: readonly string[]): Promise<void> {
  const all = [...early, ...late];
  const log = await node.replay("home");
  expect(ids(log)).toEqual(all);
  expect(log.slice(early.length).flatMap(({ flags }) => flags)).toEqual([]);
  const question = { world: "home", text: "did the kettle boil", limit: 100 };
  const asked = await node.post("/ask", question);
  expect(ids(asked.body.supporting_atoms).sort()).toEqual([...all].sort());
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const today = await node.post("/ask", { ...question, filter: { since } });
  expect(ids(today.body.supporting_atoms).sort()).toEqual([...late].sort());
}
