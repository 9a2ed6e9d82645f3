import { expect, test } from "bun:test";
import { atomOf, deepCheck, suite, TestNode } from "./harness.ts";

const DAY_MS = 24 * 3600 * 1000;
const WORLDS = [
  "home",
  "sensor/kitchen/1",
  "🏡 größer",
  "a b\\c%2F?&#",
  "w".repeat(256),
  "💧".repeat(256),
  "../../etc",
];

suite("what is remembered", () => {
  test("survives two restarts in a row, in worlds of any name", async () => {
    let node = await TestNode.start();
    const { dir } = node;
    for (const world of WORLDS) {
      await node.remember(atomOf(`first in ${world}`, { world, labels: ["a/b", "été"] }));
      await node.remember(atomOf("second", { world, vector: [0.5, -1, 3e-39] }));
    }
    const state = async (): Promise<unknown> => {
      const worlds = (await node.get("/worlds?counts=true")).body;
      const replays = [];
      const asks = [];
      for (const world of WORLDS) {
        replays.push(await node.replay(world));
        asks.push((await node.post("/ask", { world, text: "first", explain: true })).body);
      }
      return { worlds, replays, asks };
    };
    const before = await state();
    expect((await node.get("/worlds")).body).toEqual([...WORLDS].sort(byCodePoint));
    await node.stop();
    await (await TestNode.start({ dir })).stop();
    node = await TestNode.start({ dir });
    expect(await state()).toEqual(before);
    await node.kill();
    await (await TestNode.start({ dir })).kill();
    node = await TestNode.start({ dir });
    expect(await state()).toEqual(before);
    await node.stop();
    await deepCheck(dir);
  });

  test("an atom dated in the future hides nothing, and one recent atom no older better ones", async () => {
    const node = await TestNode.start();
    const old = new Date(Date.now() - 400 * DAY_MS).toISOString();
    const soon = new Date(Date.now() + DAY_MS / 2).toISOString();
    const key = await node.remember(atomOf("The spare key lies under the blue pot.", { timestamp: old }));
    const shed = await node.remember(atomOf("The key of the shed hangs in the hall.", { timestamp: old }));
    for (let n = 0; n < 20; n++)
      await node.remember(atomOf(`The kettle boiled at ${n} past nine.`, { timestamp: old }));
    const ahead = await node.remember(atomOf("Rain is expected.", { timestamp: soon }));
    const now = await node.remember(atomOf("The kettle boiled.", { importance: 0.9 }));
    const ask = async (text: string): Promise<string[]> => {
      const { body } = await node.post("/ask", { world: "home", text, limit: 5 });
      return body.supporting_atoms.map(({ id }: { id: string }) => id);
    };
    const found = await ask("Where is the spare key?");
    expect(found[0]).toBe(key);
    expect(found).toContain(shed);
    const newest = await ask("");
    expect(newest).toContain(now);
    expect(newest.length).toBe(5);
    // log order, whatever the dates
    const replay = (await node.replay("home")).map(({ id }) => id);
    expect([replay[0], replay.at(-2), replay.at(-1), replay.length]).toEqual([key, ahead, now, 24]);
    // refused further ahead
    const far = new Date(Date.now() + 2 * DAY_MS).toISOString();
    expect((await node.post("/remember", atomOf("too far", { timestamp: far }))).status).toBe(400);
    await node.stop();
    await deepCheck(node.dir);
  });
});

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
