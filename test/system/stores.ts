import { expect } from "bun:test";
import { Dice, sentence } from "../../src/load/mod.ts";
import { atomOf, TestNode } from "./harness.ts";

/** Remembers made-up atoms of one world. */
export async function fill(node: TestNode, count: number, seed = 1): Promise<void> {
  const dice = new Dice(seed);
  for (let left = count; left > 0; left -= 1000) {
    const atoms = Array.from({ length: Math.min(left, 1000) }, () => atomOf(sentence(dice, 14)));
    expect((await node.post("/remember/batch", { atoms })).body.errors).toEqual([]);
  }
}

/** A stopped node's directory with some memories. */
export async function storeOf(count: number, seed = 1): Promise<string> {
  const node = await TestNode.start();
  await fill(node, count, seed);
  await node.stop();
  return node.dir;
}

/** Ids and payloads of a stopped node's memories of "home", in the order of the log. */
export async function textsOf(dir: string): Promise<string[]> {
  const node = await TestNode.start({ dir });
  const atoms = await node.replay("home");
  await node.stop();
  return atoms.map(({ id, payload_json: payload }) => `${id} ${payload}`);
}
