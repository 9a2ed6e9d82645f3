/** Four weeks of an assistant: what strengthening, decay and consolidation are worth, and what they may cost. */
import { afterAll, describe, expect, test } from "bun:test";
import { worldName } from "../../src/memory/mod.ts";
import { Assistant, fourWeeks, type Living } from "./assistant.ts";

const lines = fourWeeks();
const lived: Assistant[] = [];

function live(how: Living) {
  const assistant = new Assistant(how);
  lived.push(assistant);
  return { assistant, figures: assistant.live(lines) };
}

afterAll(() => {
  for (const { store } of lived) store.finish();
});

// without labels nothing but feedback can tell what is worth recalling
describe.each([
  ["that notes how each thing went", true],
  ["that notes what happened and no more", false],
])("an assistant %s", (_, labels) => {
  const plain = live({ dynamics: false, feedback: false, labels }).figures;
  const dynamic = live({ dynamics: true, feedback: true, labels });
  console.info(JSON.stringify({ labels, plain, dynamic: dynamic.figures }));

  test("recalls what it needs again at least .05 better than by plain hybrid recall", () => {
    expect(dynamic.figures.repeats - plain.repeats).toBeGreaterThanOrEqual(0.05);
  });

  test("recalls what it needs once at most .01 worse", () => {
    expect(dynamic.figures.once - plain.once).toBeGreaterThanOrEqual(-0.01);
  });

  test("has something to gain: plain recall is neither useless nor perfect", () => {
    expect(plain.repeats).toBeGreaterThan(0.3);
    expect(plain.repeats).toBeLessThan(0.95);
  });

  test("forgets under a quota what it did not use", () => {
    const { store, helped, ids } = dynamic.assistant;
    const world = worldName("assistant");
    const bytes = (): number => store.read((reader) => reader.world(world)!.bytes);
    const before = bytes();
    store.policy(world, { max_bytes: Math.floor(before / 2) });
    store.pass(60_000);
    expect(bytes()).toBeLessThanOrEqual(before / 2);
    expect([...helped].filter((name) => !dynamic.assistant.has(name))).toEqual([]);
    const dull = [...ids.keys()].filter((name) => !helped.has(name));
    expect(dull.filter((name) => !dynamic.assistant.has(name)).length).toBeGreaterThan(dull.length / 3);
  });
});

test("it is feedback that tells what helps, where nothing else does", () => {
  const learning = live({ dynamics: true, feedback: true, labels: false }).figures;
  const not = live({ dynamics: true, feedback: false, labels: false }).figures;
  expect(learning.repeats - not.repeats).toBeGreaterThanOrEqual(0.05);
  expect(learning.once - not.once).toBeGreaterThanOrEqual(-0.01);
});
