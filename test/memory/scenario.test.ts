/** Four weeks of an assistant: what strengthening, decay and consolidation are worth, and what they may cost. */
import { afterAll, describe, expect, test } from "bun:test";
import { worldName } from "../../src/memory/mod.ts";
import { Assistant, fourWeeks } from "./assistant.ts";

const lines = fourWeeks();
const plain = new Assistant(false);
const dynamic = new Assistant(true);
const without = plain.live(lines);
const withDynamics = dynamic.live(lines);

afterAll(() => {
  plain.store.finish();
  dynamic.store.finish();
});

describe("recall@5", () => {
  console.info(JSON.stringify({ plain: without, dynamics: withDynamics }));

  test("of needs that repeat is at least .05 above plain hybrid recall", () => {
    expect(withDynamics.repeats - without.repeats).toBeGreaterThanOrEqual(0.05);
  });

  test("of needs that come once is at most .01 below it", () => {
    expect(withDynamics.once - without.once).toBeGreaterThanOrEqual(-0.01);
  });

  test("leaves room: plain recall is neither useless nor perfect", () => {
    expect(without.repeats).toBeGreaterThan(0.3);
    expect(without.repeats).toBeLessThan(0.95);
  });
});

test("forgetting under a quota keeps what was used", () => {
  const { store, helped } = dynamic;
  const world = worldName("assistant");
  const before = store.read((reader) => reader.world(world)!.bytes);
  store.policy(world, { max_bytes: Math.floor(before / 2) });
  store.pass(60_000);
  expect(store.read((reader) => reader.world(world)!.bytes)).toBeLessThanOrEqual(before / 2);
  expect([...helped].filter((name) => !dynamic.has(name))).toEqual([]);
  const dull = [...dynamic.ids.keys()].filter((name) => !helped.has(name));
  expect(dull.filter((name) => !dynamic.has(name)).length).toBeGreaterThan(dull.length / 3);
});
