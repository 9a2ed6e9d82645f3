/** Activation that spreads along ties. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { LIMITS } from "../../src/base/mod.ts";
import { type Activated, spread } from "../../src/memory/spreading.ts";

type Edge = [from: number, to: number, weight: number];
const graph = fc.array(fc.tuple(fc.nat(7), fc.nat(7), fc.double({ min: 0.01, max: 1, noNaN: true })), {
  maxLength: 24,
});

function neighboursOf(edges: readonly Edge[]) {
  return (id: string) =>
    edges.flatMap(([a, b, weight]) => {
      if (String(a) === id && a !== b) return [{ id: String(b), weight }];
      return String(b) === id && a !== b ? [{ id: String(a), weight }] : [];
    });
}

/** The strongest walk to each node of all walks of up to `depth` steps, by trying them all. */
function byTrying(edges: readonly Edge[], depth: number, threshold: number): Map<string, number> {
  const around = neighboursOf(edges);
  const best = new Map<string, number>();
  const walk = (id: string, activation: number, left: number): void => {
    best.set(id, Math.max(best.get(id) ?? 0, activation));
    if (left === 0) return;
    const next = around(id);
    const total = next.reduce((sum, { weight }) => sum + weight, 0);
    for (const { id: to, weight } of next) {
      const passed = (0.5 * activation * weight) / total;
      if (passed >= threshold) walk(to, passed, left - 1);
    }
  };
  walk("0", 1, depth);
  return best;
}

test("each node is reached along its strongest walk of at most so many steps", () => {
  fc.assert(
    fc.property(graph, fc.integer({ min: 1, max: 4 }), (edges, depth) => {
      const threshold = 0.001;
      const reached = spread("0", neighboursOf(edges), { depth, threshold, nodes: 100, passing: 100 });
      const expected = byTrying(edges, depth, threshold);
      expect(new Map(reached.map(({ id, activation }) => [id, activation]))).toEqual(
        new Map([...expected].sort(([a], [b]) => order(reached, a) - order(reached, b))),
      );
    }),
  );
});

function order(reached: readonly Activated[], id: string): number {
  return reached.findIndex((each) => each.id === id);
}

test("paths are walks of at most so many steps that halve at least, no node is answered twice, the best come first", () => {
  fc.assert(
    fc.property(
      graph,
      fc.integer({ min: 1, max: 5 }),
      fc.nat(20),
      fc.nat(20),
      (edges, depth, nodes, passing) => {
        const around = neighboursOf(edges);
        let reads = 0;
        const counted = (id: string) => {
          reads += 1;
          return around(id);
        };
        const reached = spread("0", counted, { depth, threshold: 0.001, nodes: nodes + 1, passing });
        expect(reads).toBeLessThanOrEqual(passing);
        expect(reached[0]).toEqual({ id: "0", activation: 1, path: ["0"] });
        expect(reached.length).toBeLessThanOrEqual(nodes + 1);
        expect(new Set(reached.map((each) => each.id)).size).toBe(reached.length);
        reached.forEach(({ id, activation, path }, at) => {
          expect(path.at(-1)).toBe(id);
          expect(path.length - 1).toBeLessThanOrEqual(depth);
          expect(activation).toBeLessThanOrEqual(0.5 ** (path.length - 1));
          if (at > 0) expect(activation).toBeLessThanOrEqual(reached[at - 1]!.activation);
          for (let step = 1; step < path.length; step++) {
            expect(around(path[step - 1]!).map((each) => each.id)).toContain(path[step]!);
          }
        });
      },
    ),
  );
});

test("what passes on sums to at most a half, shared by weight", () => {
  const edges: Edge[] = [
    [0, 1, 0.2],
    [0, 2, 0.6],
  ];
  const reached = spread("0", neighboursOf(edges), { depth: 1, threshold: 0, nodes: 10, passing: 10 });
  expect(reached.map(({ id }) => id)).toEqual(["0", "2", "1"]);
  expect(reached[1]!.activation).toBeCloseTo(0.375, 12);
  expect(reached[2]!.activation).toBeCloseTo(0.125, 12);
});

test("of many the most active pass on: a graph of 1,000 nodes and 10,000 edges is read a bounded number of times", () => {
  const edges: Edge[] = Array.from({ length: 10_000 }, (_, i) => [
    i % 1000,
    (i * 7919 + (i % 13)) % 1000,
    ((i * 31) % 97) / 97 + 0.01,
  ]);
  const around = neighboursOf(edges);
  const read: string[] = [];
  const noted = (id: string) => {
    read.push(id);
    return around(id).slice(0, LIMITS.spreadFanOut);
  };
  const bounds = { depth: 3, threshold: 0, nodes: LIMITS.spreadNodes, passing: LIMITS.spreadPassing };
  const reached = spread("0", noted, bounds);
  expect(reached.length).toBe(LIMITS.spreadNodes);
  expect(read.length).toBe(LIMITS.spreadPassing);
  // all of the second step, then the most active of the third
  const second = around("0").length;
  const third = reached.filter(({ path }) => path.length === 3).map(({ id }) => id);
  const most = third.slice(0, LIMITS.spreadPassing - 1 - second);
  expect(new Set(read.slice(1 + second))).toEqual(new Set(most));
});
