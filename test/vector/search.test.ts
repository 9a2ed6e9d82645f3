/** One contract for every way of searching: rows in memory, rows streamed in chunks, a graph with its tail. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { MB } from "../../src/base/mod.ts";
import { SqliteVectors, VectorIndex } from "../../src/vector/mod.ts";
import { annOptions, bruteForce, clustered, MemoryVectors, overlaps, scratch } from "./memory-source.ts";

setDefaultTimeout(120_000);

const DIMENSION = 256;
/** A graph may miss few of the nearest; everything else may not. */
const LEAST = { exact: 1, ann: 0.97 };
const seqsOf = (result: { hits: { seq: number }[] }) => result.hits.map(({ seq }) => seq);

describe.each([
  ["rows in memory", 8 * MB, "exact"],
  ["rows in memory, one world at a time", 3 * MB, "exact"],
  ["rows streamed", 0, "exact"],
  ["graph", 0, "ann"],
  ["graph, tail in memory", 4 * MB, "ann"],
] as const)("search, %s", (_name, cacheBytes, mode) => {
  const place = mode === "ann" ? scratch() : undefined;
  const source = new MemoryVectors();
  const vectors = clustered(9000, DIMENSION, 1);
  for (const [i, vector] of vectors.entries()) source.add(1 + (i % 9 === 0 ? 1 : 0), vector);
  const index = new VectorIndex({
    source,
    dimension: DIMENSION,
    cacheBytes,
    ...(place && { ann: annOptions(place.dir) }),
  });
  const queries = clustered(20, DIMENSION, 2);

  beforeAll(async () => {
    for (const world of [1, 2]) {
      index.search(source.state(world), queries[0]!, 1);
      await index.idle();
    }
  });
  afterAll(async () => {
    await index.close();
    place?.remove();
  });

  test("finds the nearest, best first, in each world alone", () => {
    for (const world of [1, 2]) {
      const overlap = overlaps(queries, (query) => {
        const result = index.search(source.state(world), query, 10);
        expect(result.mode).toBe(mode);
        expect(result.hits).toEqual([...result.hits].sort((a, b) => b.cosine - a.cosine || b.seq - a.seq));
        return [seqsOf(result), bruteForce(source, world, query, 10)];
      });
      expect(overlap).toBeGreaterThanOrEqual(LEAST[mode]);
    }
  });

  test("a filter never starves the answer", () => {
    const few = new Set([1, 2, 500, 4001, 8999].map((i) => source.seqs(1)[i % 8000]!));
    for (const accept of [(seq: number) => few.has(seq), (seq: number) => seq % 3 === 0]) {
      const overlap = overlaps(queries, (query) => {
        const found = seqsOf(index.search(source.state(1), query, 10, { accept }));
        const wanted = bruteForce(source, 1, query, 10, accept);
        expect(found).toHaveLength(wanted.length);
        return [found, wanted];
      });
      expect(overlap).toBeGreaterThanOrEqual(LEAST[mode]);
    }
  });

  test("a few that are known beforehand are found as a filter finds them", () => {
    const few = new Set([1, 2, 500, 4001, 7999].map((i) => source.seqs(1)[i]!).concat(10 ** 9));
    for (const query of queries) {
      const { hits, mode } = index.search(source.state(1), query, 3, { few, accept: (seq) => few.has(seq) });
      expect(mode).toBe("exact");
      expect(hits.map(({ seq }) => seq)).toEqual(bruteForce(source, 1, query, 3, (seq) => few.has(seq)));
      const { cosine } = index.search(source.state(1), query, 3);
      for (const hit of hits) expect(hit.cosine).toBe(cosine(hit.seq));
    }
  });

  test("a filter is asked about few atoms only", () => {
    let asked = 0;
    const accept = () => {
      asked += 1;
      return true;
    };
    index.search(source.state(1), queries[0]!, 100, { accept });
    expect(asked).toBeLessThan(600);
  });

  test("cosines of hits and of any atom are the same numbers", () => {
    const result = index.search(source.state(1), queries[0]!, 10);
    for (const { seq, cosine } of result.hits) {
      expect(result.cosine(seq)).toBe(cosine);
      expect(Math.abs(cosine)).toBeLessThan(1.0001);
    }
    expect(result.cosine(10 ** 9)).toBe(0);
  });

  test("new rows are found at once, removed ones never", () => {
    const query = queries[3]!;
    const seq = source.add(1, query);
    expect(index.search(source.state(1), query, 1).hits[0]!.seq).toBe(seq);
    source.remove(1, seq);
    const after = index.search(source.state(1), query, 30);
    expect(seqsOf(after)).not.toContain(seq);
    expect(seqsOf(after).slice(0, 5)).toEqual(bruteForce(source, 1, query, 5));
    expect(after.cosine(seq)).toBe(0);
  });

  test("what the deadline check throws ends the search, and the next one is whole", () => {
    const checkDeadline = () => {
      throw new Error("late");
    };
    index.drop(1);
    expect(() => index.search(source.state(1), queries[0]!, 5, { checkDeadline })).toThrow("late");
    expect(seqsOf(index.search(source.state(1), queries[0]!, 5))).toEqual(
      bruteForce(source, 1, queries[0]!, 5),
    );
  });

  test("thousands of identical atoms: the newest first", () => {
    const same = queries[5]!;
    const seqs = Array.from({ length: 10_000 }, () => source.add(7, same));
    let asked = 0;
    const accept = () => {
      asked += 1;
      return true;
    };
    const found = seqsOf(index.search(source.state(7), same, 100, { accept }));
    expect(found).toEqual(seqs.slice(-100).reverse());
    expect(asked).toBeLessThan(1000);
  });

  test("an empty world and a zero query have no hits", () => {
    expect(index.search(source.state(99), queries[0]!, 5).hits).toEqual([]);
    const zero = index.search(source.state(1), new Int8Array(DIMENSION), 5);
    expect(zero.hits).toEqual([]);
    expect(zero.cosine(1)).toBe(0);
  });

  test("a query of another dimension is refused", () => {
    expect(() => index.search(source.state(1), new Int8Array(64), 5)).toThrow("64 dimensions, the space 256");
  });
});

test("a world of a hundred thousand identical atoms, and one that is not", async () => {
  const place = scratch();
  const source = new MemoryVectors();
  const [same, other] = clustered(2, 64, 8);
  for (let i = 1; i < 50_000; i += 1) source.add(1, same!);
  const odd = source.add(1, other!);
  for (let i = 0; i < 50_000; i += 1) source.add(1, same!);
  const newest = source.seqs(1).slice(-20).reverse();
  for (const [cacheBytes, ann] of [[8 * MB], [0], [0, annOptions(place.dir)]] as const) {
    const index = new VectorIndex({ source, dimension: 64, cacheBytes, ...(ann && { ann }) });
    index.search(source.state(1), same!, 1);
    await index.idle();
    const result = index.search(source.state(1), same!, 20);
    expect(result.mode).toBe(ann ? "ann" : "exact");
    expect(seqsOf(result)).toEqual(newest);
    expect(seqsOf(index.search(source.state(1), other!, 2))).toEqual([odd, newest[0]!]);
    await index.close();
  }
  place.remove();
});

test("property: any dimension, any content, any order of adds and removals equals the definition", () => {
  const run = fc.integer({ min: 1, max: 70 }).chain((dimension) => {
    const vector = fc.int8Array({ minLength: dimension, maxLength: dimension });
    const act = fc.oneof(
      vector.map((add) => ({ add })),
      fc.nat(30).map((remove) => ({ remove })),
      vector.map((ask) => ({ ask })),
    );
    return fc.record({ dimension: fc.constant(dimension), acts: fc.array(act, { maxLength: 60 }) });
  });
  fc.assert(
    fc.property(run, fc.constantFrom(0, MB), ({ dimension, acts }, cacheBytes) => {
      const source = new MemoryVectors();
      const index = new VectorIndex({ source, dimension, cacheBytes });
      for (const act of acts) {
        if ("add" in act) source.add(1, act.add);
        else if ("remove" in act) source.remove(1, act.remove);
        else if (act.ask.some((x) => x !== 0)) {
          const found = seqsOf(index.search(source.state(1), act.ask, 5));
          expect(found).toEqual(bruteForce(source, 1, act.ask, 5));
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("reads a world once, and only what is new after that", () => {
  const source = new MemoryVectors();
  for (const vector of clustered(5000, DIMENSION, 3)) source.add(1, vector);
  const index = new VectorIndex({ source, dimension: DIMENSION, cacheBytes: 2 * MB });
  const [query] = clustered(1, DIMENSION, 4);
  index.search(source.state(1), query!, 5);
  source.add(1, query!);
  source.remove(1, 17);
  index.search(source.state(1), query!, 5);
  expect(source.reads).toBe(5001);
});

test("rows come from the table, those of another length are left out and counted", () => {
  const db = new Database(":memory:");
  db.run(
    "CREATE TABLE vec(space INTEGER, world INTEGER, seq INTEGER, q BLOB, PRIMARY KEY(space, world, seq)) WITHOUT ROWID",
  );
  const insert = db.query("INSERT INTO vec VALUES(?, ?, ?, ?)");
  const bytes = (v: number[]) => new Uint8Array(Int8Array.from(v).buffer);
  insert.run(1, 1, 10, bytes([1, 2, 3]));
  insert.run(1, 1, 11, bytes([1, 2]));
  insert.run(1, 1, 12, bytes([-1, 2, -3]));
  insert.run(2, 1, 10, bytes([3, 3, 3]));
  for (const cacheBytes of [0, MB]) {
    const index = new VectorIndex({ source: new SqliteVectors(db, 1), dimension: 3, cacheBytes });
    const world = { id: 1, lastSeq: 12, epoch: 0, size: 3 };
    const result = index.search(world, Int8Array.of(-1, 2, -3), 5);
    expect(seqsOf(result)).toEqual([12, 10]);
    expect(result.cosine(11)).toBe(0);
    expect(index.unreadable).toBe(1);
  }
});
