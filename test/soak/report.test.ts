import { expect, test } from "bun:test";
import { chart, page, type SoakReport } from "../../src/soak/report.ts";

const report: SoakReport = {
  version: "1.2.3",
  commit: "abc",
  started_at: "2026-01-01T00:00:00.000Z",
  duration_s: 60,
  volume: "a volume of 256 MB",
  acknowledged: 10,
  forgotten: 2,
  unsettled: 0,
  operations: { ask: { count: 3, per_second: 1, p50_ms: 1, p95_ms: 2, p99_ms: 3 } },
  refusals: {},
  disk: { before_bytes: 1, after_bytes: 2, delta_bytes: 1 },
  faults: [{ kind: "kill", at_s: 30, detail: "killed <hard>", problems: [], recovered_ms: 400 }],
  losses: [],
  timeline: [
    { at_s: 0, remember_p95_ms: 1, ask_p95_ms: 10 },
    { at_s: 1, ask_p95_ms: 1000 },
  ],
  clean: true,
};

test("the chart has a line an operation, gaps where nothing was asked, and a mark a fault", () => {
  const svg = chart(report);
  const lines = [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(
    ([, points]) => points!.split(" ").length,
  );
  expect(lines).toEqual([1, 2]);
  expect(svg).toContain("<title>kill: killed &lt;hard&gt;</title>");
  // all within the picture
  const numbers = [...svg.matchAll(/(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)/g)];
  for (const [, x, y] of numbers) expect([Number(x) <= 960, Number(y) <= 320]).toEqual([true, true]);
});

test("the page says what was lost and escapes what it shows", () => {
  expect(page(report)).toContain("Nothing was lost.");
  const bad = page({
    ...report,
    clean: false,
    losses: [{ id: "a", world: "<w>", problem: "lost", after: "kill" }],
  });
  expect(bad).toContain("1 atoms are not as they should be");
  expect(bad).toContain("&lt;w&gt;");
  expect(bad).not.toContain("<w>");
});
