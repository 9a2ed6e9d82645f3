/** The life of a graph: built in the background, kept as a snapshot, extended, replaced; never trusted blindly. */
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LIMITS, ManualClock } from "../../src/base/mod.ts";
import { type AnnOptions, sweepSnapshots, VectorIndex } from "../../src/vector/mod.ts";
import {
  annOptions,
  bruteForce,
  clustered,
  MemoryVectors,
  overlaps,
  random,
  scratch,
} from "./memory-source.ts";

setDefaultTimeout(120_000);

const DIMENSION = 32;
const FILE = "1-3";

let place: ReturnType<typeof scratch>;
let source: MemoryVectors;
let clock: ManualClock;
let said: string[];
let open: VectorIndex[];
const queries = clustered(20, DIMENSION, 2);

beforeEach(() => {
  place = scratch();
  source = new MemoryVectors();
  clock = new ManualClock();
  said = [];
  open = [];
});
afterEach(async () => {
  for (const index of open) await index.close();
  place.remove();
});

function start(changes: Partial<AnnOptions> = {}, dimension = DIMENSION): VectorIndex {
  const log = (message: string) => void said.push(message);
  const ann = annOptions(place.dir, { clock, log, ...changes });
  const index = new VectorIndex({ source, dimension, cacheBytes: 0, ann });
  open.push(index);
  return index;
}

/** The node's thread at rest: what the last question set in motion is done. */
async function settled(index: VectorIndex): Promise<VectorIndex> {
  index.search(source.state(1), queries[0]!, 1);
  await index.idle();
  return index;
}

const ask = (index: VectorIndex, query: Int8Array, k = 10) => index.search(source.state(1), query, k);
const seqsOf = (index: VectorIndex, query: Int8Array, k = 10) =>
  ask(index, query, k).hits.map(({ seq }) => seq);
const file = () => join(place.dir, FILE);
const sweep = () =>
  sweepSnapshots(
    place.dir,
    (world, space) => (world === 1 && space === 3 ? source.state(1).epoch : undefined),
    true,
  );

function fill(count: number, seed = 1): Int8Array[] {
  const vectors = clustered(count, DIMENSION, seed);
  for (const vector of vectors) source.add(1, vector);
  return vectors;
}

test("small worlds are exact; a large one is too while its graph is built", async () => {
  fill(499);
  const index = await settled(start());
  expect(ask(index, queries[0]!).mode).toBe("exact");
  expect(readdirSync(place.dir)).toEqual([]);
  fill(1, 9);
  const result = ask(index, queries[0]!);
  expect(result.mode).toBe("exact");
  expect(index.status(1)).toMatchObject({ indexed: 0, rebuilding: true, startedAt: clock.now() });
  await index.idle();
  expect(ask(index, queries[0]!).mode).toBe("ann");
  expect(index.status(1)).toMatchObject({ indexed: 500, rebuilding: false, progress: 1 });
});

test("a graph's top ten are the exact ones in at least 97 of 100 cases", async () => {
  for (const vector of clustered(6000, 256, 4)) source.add(1, vector);
  const index = start({}, 256);
  const asked = clustered(40, 256, 5);
  ask(index, asked[0]!);
  await index.idle();
  const overlap = overlaps(asked, (query) => {
    expect(ask(index, query).mode).toBe("ann");
    return [seqsOf(index, query), bruteForce(source, 1, query, 10)];
  });
  expect(overlap).toBeGreaterThanOrEqual(0.97);
});

test("thousands of identical atoms do not hide the others, whenever they came", async () => {
  const [same, other] = clustered(2, DIMENSION, 77);
  const add = (count: number, vector: Int8Array) => {
    for (let i = 0; i < count; i += 1) source.add(1, vector);
  };
  add(8000, same!);
  fill(2000);
  add(2000, same!);
  add(1000, other!);
  const index = await settled(start());
  expect(index.status(1)!.indexed).toBe(13_000);
  const overlap = overlaps(queries, (query) => [seqsOf(index, query), bruteForce(source, 1, query, 10)]);
  expect(overlap).toBeGreaterThanOrEqual(0.97);
  const newest = seqsOf(index, same!, 100);
  expect(newest).toEqual(bruteForce(source, 1, same!, 100));
  for (const seq of newest.slice(0, 60)) source.remove(1, seq);
  expect(seqsOf(index, same!, 100)).toEqual(bruteForce(source, 1, same!, 100));
});

test("the equal ones of a removed atom are still found", async () => {
  const [same] = clustered(1, DIMENSION, 78);
  const first = source.add(1, same!);
  fill(1000);
  const second = source.add(1, same!);
  const index = await settled(start());
  source.remove(1, first);
  expect(seqsOf(index, same!, 1)).toEqual([second]);
});

test("rows beyond the graph are found, and taken in when there are many", async () => {
  fill(600);
  const index = await settled(start());
  const [query] = clustered(1, DIMENSION, 6);
  const seq = source.add(1, query!);
  expect(ask(index, query!)).toMatchObject({ mode: "ann", hits: [{ seq }, ...new Array(9).fill({})] });
  expect(index.status(1)!.rebuilding).toBe(false);
  fill(LIMITS.annTailRows, 7);
  await settled(index);
  expect(index.status(1)!.indexed).toBe(601 + LIMITS.annTailRows);
  expect(seqsOf(index, query!, 1)).toEqual([seq]);
});

describe("snapshot", () => {
  let answers: number[][];
  beforeEach(async () => {
    fill(1500);
    const index = await settled(start());
    answers = queries.map((query) => seqsOf(index, query));
    await index.close();
  });
  const answersOf = (index: VectorIndex) => queries.map((query) => seqsOf(index, query));

  test("is read at the next start: nothing is built, the answers are the same", async () => {
    const before = readFileSync(file());
    const index = await settled(start());
    expect(ask(index, queries[0]!).mode).toBe("ann");
    expect(index.status(1)!.lastRebuilt).toBeUndefined();
    expect(answersOf(index)).toEqual(answers);
    expect(readFileSync(file())).toEqual(before);
    expect(said).toEqual([]);
  });

  const flip = (at: (bytes: number) => number) => () => {
    const bytes = readFileSync(file());
    const i = at(bytes.length);
    bytes[i] = bytes[i]! ^ 0x10;
    writeFileSync(file(), bytes);
  };
  const rewriteFormat = () => {
    const bytes = readFileSync(file());
    bytes.writeUInt32LE(2, bytes.length - 128 + 8);
    writeFileSync(file(), bytes);
  };
  test.each([
    ["flipped in its graph", flip((n) => n >> 1), /wrong checksum/],
    ["flipped in its first byte", flip(() => 0), /wrong checksum/],
    ["flipped in its seal", flip((n) => n - 60), /wrong checksum/],
    ["truncated", () => truncateSync(file(), 5000), /cut off or not one of ours/],
    ["empty", () => truncateSync(file(), 0), /cut off/],
    ["from the future", rewriteFormat, /has format 2, this dwbase knows 1/],
  ])("%s: said, built anew, same answers", async (_what, damage, why) => {
    damage();
    const index = start();
    expect(ask(index, queries[0]!).mode).toBe("exact");
    await index.idle();
    expect(ask(index, queries[0]!).mode).toBe("ann");
    expect(answersOf(index)).toEqual(answers);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(why);
    expect(index.status(1)!.lastRebuilt).toBe(clock.now());
  });

  test.each([
    ["of another model", "1-3", { identity: "store, other model" }],
    ["of another space under its name", "1-4", { space: 4 }],
  ])("%s is not used", async (_what, name, changes) => {
    const bytes = readFileSync(file());
    writeFileSync(join(place.dir, name), bytes);
    const index = await settled(start(changes));
    expect(said[0]).toContain("of another space or store");
    expect(ask(index, queries[0]!).mode).toBe("ann");
    expect(answersOf(index)).toEqual(answers);
  });

  test("that is ahead of the world is not used", async () => {
    const later = source.state(1);
    source = new MemoryVectors();
    fill(1400);
    expect(source.state(1).lastSeq).toBeLessThan(later.lastSeq);
    const index = await settled(start());
    expect(said[0]).toContain("not of the world as it is now");
    expect(seqsOf(index, queries[0]!)).toEqual(bruteForce(source, 1, queries[0]!, 10));
  });

  test("deleted: built anew, same answers", async () => {
    sweepSnapshots(place.dir, () => undefined, true);
    expect(readdirSync(place.dir)).toEqual([]);
    const index = await settled(start());
    expect(answersOf(index)).toEqual(answers);
    expect(said).toEqual([]);
  });

  test("damaged under a running index: what is extended is built from the rows", async () => {
    const index = await settled(start());
    flip((n) => n >> 1)();
    fill(LIMITS.annTailRows + 1, 8);
    await settled(index);
    expect(index.status(1)!.indexed).toBe(1501 + LIMITS.annTailRows);
    const query = queries[1]!;
    expect(seqsOf(index, query, 3)).toEqual(bruteForce(source, 1, query, 3));
  });

  test("a removal: the file goes at the sweep, the graph in memory goes on without the atom", async () => {
    const index = await settled(start());
    expect(sweep()).toEqual([]);
    for (const seq of answers[0]!.slice(0, 3)) source.remove(1, seq);
    expect(sweep()).toEqual([FILE]);
    const result = ask(index, queries[0]!);
    expect(result.mode).toBe("ann");
    expect(result.hits.map(({ seq }) => seq)).toEqual(bruteForce(source, 1, queries[0]!, 10));
    await index.idle();
    expect(existsSync(file())).toBe(false);
  });

  test("after a removal it is saved again within the hour, without the removed bytes", async () => {
    const index = await settled(start());
    const gone = source.seqs(1)[700]!;
    const bytes = Buffer.from(source.get(1, gone)!);
    expect(readFileSync(file()).includes(bytes)).toBe(true);
    source.remove(1, gone);
    sweep();
    clock.advance(LIMITS.annRebuildMs - 1);
    await settled(index);
    expect(existsSync(file())).toBe(false);
    clock.advance(1);
    await settled(index);
    expect(readFileSync(file()).includes(bytes)).toBe(false);
    expect(index.status(1)!.indexed).toBe(1499);
    expect(sweep()).toEqual([]);
  });

  test("the sweep deletes what is not a snapshot, is unfinished or of a world that is gone", () => {
    for (const name of ["1-3.tmp", "2-3", "1-4", "notes.txt"]) writeFileSync(join(place.dir, name), "x");
    expect(sweep().sort()).toEqual(["1-3.tmp", "1-4", "2-3", "notes.txt"]);
    expect(readdirSync(place.dir)).toEqual([FILE]);
  });

  test("none stays when memories are encrypted", async () => {
    const index = await settled(start({ persist: false }));
    expect(ask(index, queries[0]!).mode).toBe("ann");
    expect(readdirSync(place.dir)).toEqual([]);
  });
});

test("a graph that would not fit its memory is not built, and the status says why", async () => {
  fill(600);
  const index = await settled(start({ bytes: 100_000 }));
  expect(ask(index, queries[0]!).mode).toBe("exact");
  expect(index.status(1)!.why).toContain("more than the 1 MB set aside");
  expect(said).toHaveLength(1);
});

test("a graph whose file would break the disk budget is not built, and the status says why", async () => {
  fill(600);
  const index = await settled(start({ room: () => 50_000 }));
  expect(ask(index, queries[0]!).mode).toBe("exact");
  expect(index.status(1)!.why).toContain("disk budget");
  expect(readdirSync(place.dir)).toEqual([]);
});

test("worlds that were not asked for longest give way", async () => {
  for (const vector of clustered(1500, DIMENSION, 1)) source.add(1 + (source.state(1).lastSeq % 3), vector);
  const index = start({ bytes: 1000 * (DIMENSION + 448) + 100_000 });
  const mode = (world: number) => index.search(source.state(world), queries[0]!, 1).mode;
  for (const world of [1, 2, 1, 3]) {
    mode(world);
    await index.idle();
  }
  expect([mode(1), mode(3)]).toEqual(["ann", "ann"]);
  expect(mode(2)).toBe("exact");
});

test("a failed build is tried again later, not at every question", async () => {
  fill(600);
  const index = start();
  place.remove();
  await settled(index);
  expect(said).toHaveLength(1);
  await settled(index);
  expect(said).toHaveLength(1);
  expect(ask(index, queries[0]!).mode).toBe("exact");
  clock.advance(LIMITS.annRetryMs);
  await settled(index);
  expect(said).toHaveLength(2);
  expect(index.status(1)!.why).toBeString();
});

/** VECTOR_CHURN changes the number of cycles. */
const CYCLES = Number(process.env.VECTOR_CHURN ?? 60_000);

test(`${CYCLES} cycles of adding and deleting: no ghost, and a file in proportion`, async () => {
  const living: number[] = [];
  const next = random(5);
  const vectors = clustered(4000, DIMENSION, 11);
  for (const vector of vectors.slice(0, 1000)) living.push(source.add(1, vector));
  const index = await settled(start());
  const size = statSync(file()).size;
  for (let cycle = 1; cycle <= CYCLES; cycle += 1) {
    living.push(source.add(1, vectors[Math.floor(next() * vectors.length)]!));
    const at = Math.floor(next() * living.length);
    source.remove(1, living[at]!);
    living[at] = living.pop()!;
    if (cycle % 2500 !== 0) continue;
    clock.advance(LIMITS.annRebuildMs);
    await settled(index);
    sweep();
    const now = new Set(living);
    const found = queries.flatMap((query) => seqsOf(index, query));
    expect(found.filter((seq) => !now.has(seq))).toEqual([]);
    const overlap = overlaps(queries, (query) => [seqsOf(index, query), bruteForce(source, 1, query, 10)]);
    expect(overlap).toBeGreaterThanOrEqual(0.97);
    expect(statSync(file()).size).toBeLessThan(size * 1.5);
  }
});
