/** Sessions are consolidated in the writer's quiet moments, within a budget, and not while background work rests. */
import { expect, test } from "bun:test";
import { ControlCells, GATE } from "../../src/control/mod.ts";
import { Consolidation } from "../../src/engine/consolidation.ts";
import { worldName, writeMemory } from "../../src/memory/mod.ts";
import { readState } from "../../src/storage/mod.ts";
import { type Store, withPlainStore } from "../storage/harness.ts";
import { MEMORY } from "./harness.ts";

const HOUR = 3_600_000;
const FLAGS = new ControlCells();
const TEXT = "the nightly backup of the photos is finished";

function live(store: Store, session: string, count: number): void {
  store.run((ctx) => {
    for (let at = 0; at < count; at++) {
      const item = { content: TEXT, context: {}, outcome: "neutral" as const, emotionalValence: 0.5 };
      writeMemory(ctx, session, { op: "create_episode", item }, MEMORY, FLAGS);
    }
  });
}

/** What a light pass of a session has done, undefined before the first. */
function merged(store: Store, session: string): number | undefined {
  const state = store.run((ctx) =>
    readState(ctx.db, ctx.worlds.find(worldName(session))!.id, "consolidation:light"),
  );
  return state === undefined ? undefined : JSON.parse(state).results.merged;
}

/** Lets quiet time go by. */
function quiet(store: Store, consolidation: Consolidation, ms: number): void {
  const end = store.clock.monotonic() + ms;
  while (store.clock.monotonic() < end) store.clock.advance(Math.max(1, consolidation.step()));
}

function withNode(body: (store: Store, consolidation: Consolidation, cells: ControlCells) => void): void {
  withPlainStore((store) => {
    const cells = new ControlCells();
    body(store, new Consolidation(store.writer, MEMORY, cells, store.clock), cells);
  });
}

test("a session is due 20 hours after its begin, and then when it was written to and as many are over", () => {
  withNode((store, consolidation) => {
    live(store, "desk", 1);
    store.clock.advance(18 * HOUR);
    live(store, "desk", 2);
    quiet(store, consolidation, 1.9 * HOUR);
    expect(merged(store, "desk")).toBeUndefined();
    quiet(store, consolidation, 1.2 * HOUR);
    expect(merged(store, "desk")).toBe(2);
    store.clock.advance(48 * HOUR);
    quiet(store, consolidation, 2 * HOUR);
    expect(merged(store, "desk")).toBe(2);
    live(store, "desk", 4);
    quiet(store, consolidation, 2 * HOUR);
    expect(merged(store, "desk")).toBe(3);
  });
});

test("what a killed node left goes on at once, after which the others have their turn", () => {
  withNode((store, consolidation) => {
    for (const session of ["desk", "lab"]) live(store, session, 2);
    store.run((ctx) =>
      writeMemory(ctx, "lab", { op: "consolidate", deep: false, by: "root" }, MEMORY, FLAGS),
    );
    expect(merged(store, "lab")).toBe(0);
    quiet(store, consolidation, 60_000);
    expect([merged(store, "desk"), merged(store, "lab")]).toEqual([undefined, 1]);
  });
});

test("nothing is done while background work rests, nor where the flag is off", () => {
  withNode((store, consolidation, cells) => {
    live(store, "desk", 2);
    store.clock.advance(21 * HOUR);
    cells.stop(GATE.background);
    quiet(store, consolidation, 2 * HOUR);
    expect(merged(store, "desk")).toBeUndefined();
    cells.stop(0);
    cells.set("memory_consolidation", { enabled: false, rollout_percentage: 100 });
    quiet(store, consolidation, 2 * HOUR);
    expect(merged(store, "desk")).toBeUndefined();
    cells.set("memory_consolidation", { enabled: true, rollout_percentage: 100 });
    live(store, "desk", 2);
    quiet(store, consolidation, 2 * HOUR);
    expect(merged(store, "desk")).toBe(1);
  });
});

test("a piece is followed by a rest of nine times its length", () => {
  withNode((store, consolidation) => {
    live(store, "desk", 2);
    store.clock.advance(21 * HOUR);
    const commit = store.writer.commit.bind(store.writer);
    let pieces = 0;
    store.writer.commit = (jobs, relaxed) => {
      pieces += 1;
      store.clock.advance(100);
      return commit(jobs, relaxed);
    };
    // the look and the first piece
    expect(consolidation.step()).toBe(1800);
    expect(consolidation.step()).toBe(1800);
    expect(pieces).toBe(2);
    store.clock.advance(1800);
    expect(consolidation.step()).toBe(900);
    expect(pieces).toBe(3);
  });
});
