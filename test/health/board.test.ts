/** The health of the node, told from memory alone. */
import { describe, expect, test } from "bun:test";
import { ManualClock, type Stage } from "../../src/base/mod.ts";
import { BEAT, type ThreadStatus } from "../../src/engine/mod.ts";
import { type BoardOptions, HealthBoard } from "../../src/health/mod.ts";

const GOOD: ThreadStatus = {
  head: 3,
  nodeId: "node",
  atoms: 3,
  quarantined: 0,
  evictions: 0,
  commits: 3,
  fsyncs: 3,
  databaseBytes: 4096,
  walBytes: 0,
  full: false,
  disk: { used: 1, budget: 10, stage: "ok" },
  wear: { written_bytes_per_day: 0, fsyncs_per_day: 0 },
  trust: [],
  diskTotal: 1000,
  diskFree: 500,
  queued: 0,
  indexLagMs: 0,
  trouble: "",
};

const budget = (stage: Stage) => ({ used: 90, budget: 100, stage });

function boardOf(change: Partial<BoardOptions> = {}, status: Partial<ThreadStatus> = {}) {
  const clock = new ManualClock();
  const board = new HealthBoard({
    clock,
    budgets: { memory: budget("ok"), disk: budget("ok") },
    diskUsageDegraded: 0.9,
    indexWarnSeconds: 300,
    requireIndex: false,
    ...change,
  });
  const beats = new Int32Array(new SharedArrayBuffer(4 * BEAT.cells));
  board.watch(beats);
  board.update({ ...GOOD, ...status });
  return { board, clock, beats };
}

const checkOf = (board: HealthBoard, name: string) =>
  board.body().checks.find((check) => check.name === name)!;

describe("a node", () => {
  test("with nothing wrong is ready", () => {
    const { board } = boardOf();
    expect([board.ready(), board.body().status, board.body().message]).toEqual([true, "ready", "ready"]);
  });

  test("whose budget is pressed is degraded, says what happens and what to do, and still serves", () => {
    for (const resource of ["memory", "disk"] as const) {
      const { board } = boardOf({
        budgets: { memory: budget("ok"), disk: budget("ok"), [resource]: budget("critical") },
      });
      expect(checkOf(board, `${resource}_budget`)).toMatchObject({ status: "critical" });
      expect(board.body().message).toContain(`node.limits.max_${resource === "memory" ? "ram" : "disk"}_mb`);
      expect([board.body().status, board.ready()]).toEqual(["degraded", true]);
      expect(board.body()[resource].stage).toBe("critical");
    }
  });

  test("whose index lags says so after a while, and is not ready only where that is required", () => {
    const { board } = boardOf({}, { indexLagMs: 100_000 });
    expect([checkOf(board, "index").status, board.ready()]).toEqual(["ok", true]);
    expect(checkOf(boardOf({}, { indexLagMs: 400_000 }).board, "index").status).toBe("warning");
    expect(boardOf({ requireIndex: true }, { indexLagMs: 1 }).board.ready()).toBe(false);
    expect(boardOf({ requireIndex: true }).board.ready()).toBe(true);
    expect(board.body().index_rebuild_lag_ms).toBe(100_000);
  });

  test("without its native library tells why worlds are scanned", () => {
    const { board } = boardOf();
    board.withoutGraphs("the library cannot be loaded: old C library");
    expect(checkOf(board, "index")).toMatchObject({
      status: "warning",
      message: expect.stringContaining("C library"),
    });
  });

  test("that found damage names it, counts the rest, is degraded and serves all else", () => {
    const { board } = boardOf();
    board.damaged(["atom a is damaged", "atom b is damaged"]);
    board.damaged(["atom a is damaged"]);
    const { status, message } = checkOf(board, "storage");
    expect([status, message]).toEqual(["warning", "atom a is damaged (and 1 more); all else is served"]);
    expect([board.body().status, board.ready()]).toEqual(["degraded", true]);
  });

  test("one of whose threads stands still is not ready", () => {
    const { board, clock, beats } = boardOf();
    board.observe();
    clock.advance(11_000);
    Atomics.add(beats, BEAT.recall, 1);
    expect(board.ready()).toBe(false);
    expect(checkOf(board, "storage").message).toContain("writer");
    Atomics.add(beats, BEAT.writer, 1);
    expect(board.ready()).toBe(true);
  });

  test("shows what was found out about the device", () => {
    const { board } = boardOf({
      device: () => [{ name: "power", status: "warning", message: "under-voltage" }],
    });
    expect([board.body().status, checkOf(board, "power").message]).toEqual(["degraded", "under-voltage"]);
  });
});
