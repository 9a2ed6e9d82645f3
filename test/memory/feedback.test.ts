/** Feedback on what was recalled: what becomes of strengths, expectations, ties and the session's statistics. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { idToBytes, ManualClock } from "../../src/base/mod.ts";
import { ControlCells } from "../../src/control/mod.ts";
import { pruneTies, weightNow } from "../../src/memory/hebbian.ts";
import {
  type Entity,
  type Episode,
  type MemoryRead,
  type MemoryWrite,
  readMemory,
  worldName,
  writeMemory,
} from "../../src/memory/mod.ts";
import { CO_RETRIEVED } from "../../src/memory/types.ts";
import { type EdgeRow, edgesBetween } from "../../src/storage/mod.ts";
import { MEMORY } from "../engine/harness.ts";
import { DAY, faultOf, Store } from "../storage/harness.ts";

const SESSION = "learner";
const HOUR = 3_600_000;
let store: Store;
let flags: ControlCells;

beforeEach(() => {
  store = new Store(new ManualClock());
  flags = new ControlCells();
});
afterEach(() => store.finish());

function write<T>(request: MemoryWrite): T {
  return store.run((ctx) => writeMemory(ctx, SESSION, request, MEMORY, flags)).body as T;
}

function read<T>(request: MemoryRead): T {
  return store.read((reader) => {
    const options = { now: store.clock.now(), checkDeadline: () => {} };
    return readMemory({ reader, session: SESSION, settings: MEMORY, options }, request);
  }) as T;
}

const episode = (content: string): string =>
  write<Episode>({
    op: "create_episode",
    item: { content, context: {}, outcome: "neutral", emotionalValence: 0.5 },
  }).id;
const entity = (name: string): string =>
  write<Entity>({ op: "create_entity", item: { name, entityType: "TOOL", summary: name } }).id;
const get = (id: string): Episode => read({ op: "episode", id });
// biome-ignore lint/suspicious/noExplicitAny: an answer of the API
const say = (ids: string[], outcome: number, rewards: Record<string, number> = {}, query = "pump"): any =>
  write({ op: "episode_feedback", feedback: { ids, query, outcome, rewards } });

function ties(a: string, b: string): EdgeRow[] {
  return store.read(({ db, world }) =>
    edgesBetween(db, world.call(store.reader, worldName(SESSION))!.id, idToBytes(a), idToBytes(b)),
  );
}

describe("episodes", () => {
  test("one that helped lasts longer, is fresh again and counts as accessed; one that did not loses a little", () => {
    const [good, bad] = [episode("The pump needs priming."), episode("The pump is red.")];
    store.clock.advance(5 * DAY);
    const answer = say([good, bad], 1, { [good]: 1, [bad]: 0 });
    expect(answer).toMatchObject({ reconsolidated_count: 2, positive_surprises: 1, negative_surprises: 1 });
    expect(answer.avg_rpe).toBeCloseTo(0, 12);
    expect(answer.fusion_loss).toBeCloseTo(0.25, 12);
    expect(answer.three_factor_stats).toMatchObject({ enabled: true, outcome: 1 });
    expect(get(good)).toMatchObject({ access_count: 1, retrievability: 1 });
    expect(get(good).stability).toBeGreaterThan(2);
    expect(get(bad)).toMatchObject({ access_count: 0 });
    expect(get(bad).stability).toBeLessThan(1);
    expect(get(bad).stability).toBeGreaterThan(0.7);
  });

  test("recall alone changes nothing", () => {
    const id = episode("The pump needs priming.");
    store.clock.advance(5 * DAY);
    const before = get(id);
    const recall = { query: "pump", limit: 5, minSimilarity: 0, explain: false };
    expect(read<{ episodes: Episode[] }>({ op: "recall_episodes", recall }).episodes).toHaveLength(1);
    expect(get(id)).toEqual(before);
  });

  test("more feedback on the same recall strengthens once; with the flag off each is a review", () => {
    const id = episode("The pump needs priming.");
    store.clock.advance(5 * DAY);
    say([id], 1);
    const once = get(id).stability;
    store.clock.advance(HOUR);
    say([id], 1);
    expect(get(id)).toMatchObject({ stability: once, access_count: 1 });
    store.clock.advance(6 * HOUR);
    say([id], 1);
    expect(get(id).access_count).toBe(2);
    expect(get(id).stability).toBeGreaterThan(once);
    flags.set("lability_window", { enabled: false, rollout_percentage: 100 });
    say([id], 1);
    expect(get(id).access_count).toBe(3);
  });

  test("a recall in vain keeps none that helps soon after from being a review", () => {
    const id = episode("The pump needs priming.");
    store.clock.advance(5 * DAY);
    say([id], 0);
    const { stability } = get(id);
    store.clock.advance(HOUR);
    say([id], 0);
    expect(get(id).stability).toBe(stability);
    say([id], 1);
    expect(get(id)).toMatchObject({ access_count: 1, retrievability: 1 });
    expect(get(id).stability).toBeGreaterThan(stability);
  });

  test("three factors temper a change; with the flag off it is taken whole", () => {
    const gained = (enabled: boolean): number => {
      flags.set("three_factor_learning", { enabled, rollout_percentage: 100 });
      const id = episode("Something else about the boiler and its pump and its many valves.");
      store.clock.advance(5 * DAY);
      say([id], 1, {}, "which valves did the plumber order");
      return get(id).stability;
    };
    expect(gained(false)).toBeGreaterThan(gained(true));
  });

  test("what helps again and again surprises less and ranks above its equals", () => {
    const [used, other] = [episode("The pump in the shed leaks."), episode("The pump in the shed hums.")];
    const surprises: number[] = [];
    for (let week = 0; week < 4; week++) {
      store.clock.advance(7 * DAY);
      surprises.push(say([used, other], 1, { [used]: 1, [other]: 0 }).three_factor_stats.avg_surprise);
    }
    expect(surprises).toEqual([...surprises].sort((a, b) => b - a));
    const recall = { query: "pump in the shed", limit: 2, minSimilarity: 0, explain: false };
    const found = read<{ episodes: Episode[] }>({ op: "recall_episodes", recall });
    expect(found.episodes.map(({ id }) => id)).toEqual([used, other]);
  });

  test("what helped together is tied by w += η(1 − w), in time lets go, and is pruned", () => {
    const [a, b, c] = [episode("pump one"), episode("pump two"), episode("pump three")];
    say([a, b, c], 1, { [a]: 1, [b]: 0.9, [c]: 0 });
    expect(ties(a, b)).toMatchObject([{ type: CO_RETRIEVED, weight: 0.1, co: 1 }]);
    expect(ties(a, c)).toEqual([]);
    say([b, a], 1);
    expect(ties(a, b)[0]!.weight).toBeCloseTo(0.19, 12);
    say([a, b], 0);
    expect(ties(a, b)[0]!.weight).toBeCloseTo(0.19 * 0.9, 12);
    const prune = (): number =>
      store.run((ctx) => pruneTies(ctx, ctx.worlds.find(worldName(SESSION))!.id, 100));
    expect(prune()).toBe(0);
    const [tie] = ties(a, b);
    // a day until it is stale, and 30 for each half of .171 down to .01
    store.clock.advance(123 * DAY);
    expect([weightNow(tie!, store.clock.now()) > 0.01, prune()]).toEqual([true, 0]);
    store.clock.advance(2 * DAY);
    expect([weightNow(tie!, store.clock.now()) < 0.01, prune(), prune(), ties(a, b)]).toEqual([
      true,
      1,
      0,
      [],
    ]);
  });

  test("a light consolidation prunes and says so", () => {
    const [a, b] = [episode("pump one"), episode("boiler two")];
    say([a, b], 1);
    store.clock.advance(300 * DAY);
    let slice: { done: boolean; results: { ties_pruned: number } };
    do slice = write({ op: "consolidate", deep: false, by: "root" });
    while (!slice.done);
    expect(slice.results.ties_pruned).toBe(1);
    expect(ties(a, b)).toEqual([]);
  });

  test("an id of another session or of nothing is refused, and nothing is changed", () => {
    const id = episode("The pump needs priming.");
    const other = store.run((ctx) =>
      writeMemory(
        ctx,
        "other",
        {
          op: "create_episode",
          item: { content: "x", context: {}, outcome: "neutral", emotionalValence: 0.5 },
        },
        MEMORY,
        flags,
      ),
    ).body as Episode;
    const before = get(id);
    for (const stranger of [other.id, "01890000-0000-7000-8000-000000000000"])
      expect(faultOf(() => say([id, stranger], 1)).code).toBe("not_found");
    expect(get(id)).toEqual(before);
    expect(read<object>({ op: "learning_stats" })).toMatchObject({ total_feedbacks: 0, last_feedback: null });
  });

  test("statistics are sums over all feedback of the session, after a restart too", () => {
    const [a, b] = [episode("pump one"), episode("pump two")];
    say([a, b], 1, { [b]: 0 });
    store.clock.advance(DAY);
    say([a, a], 0);
    store.closeReader();
    store.restart();
    expect(read<object>({ op: "learning_stats" })).toMatchObject({
      total_feedbacks: 2,
      total_updates: 3,
      strengthened: 1,
      weakened: 2,
      positive_surprises: 1,
      negative_surprises: 2,
      last_feedback: new Date(store.clock.now()).toISOString(),
    });
  });
});

describe("entities", () => {
  test("a good outcome strengthens what ties them, relations included, a bad one weakens it", () => {
    const [a, b, c] = [entity("bun"), entity("node"), entity("deno")];
    write({ op: "relate", item: { source: a, target: b, type: "SIMILAR_TO", weight: 0.4 } });
    const feedback = { ids: [a, b, c], outcome: 1 };
    expect(write<object>({ op: "entity_feedback", feedback })).toEqual({
      strengthened_count: 3,
      weakened_count: 0,
      avg_delta: expect.closeTo((0.06 + 0.1 + 0.1) / 3, 10),
    });
    expect(read<object[]>({ op: "relations", id: a })).toMatchObject([
      { relation_type: "SIMILAR_TO", weight: expect.closeTo(0.46, 10), co_access_count: 1 },
    ]);
    store.clock.advance(31 * DAY);
    expect(read<object[]>({ op: "relations", id: a })).toMatchObject([{ weight: expect.closeTo(0.23, 10) }]);
    store.clock.advance(-31 * DAY);
    expect(read<Entity>({ op: "entity", id: a }).access_count).toBe(1);
    const worse = write<{ weakened_count: number; avg_delta: number }>({
      op: "entity_feedback",
      feedback: { ids: [a, b, c], outcome: 0.1 },
    });
    expect(worse.weakened_count).toBe(3);
    expect(worse.avg_delta).toBeLessThan(0);
  });

  test("what is tied is activated from one another", () => {
    const [a, b] = [entity("bun"), entity("node")];
    write({ op: "entity_feedback", feedback: { ids: [a, b], outcome: 1 } });
    const found = read<{ entities: Entity[] }>({ op: "spread", id: a, depth: 1, threshold: 0.1 });
    expect(found.entities.map(({ id }) => id)).toEqual([a, b]);
  });
});
