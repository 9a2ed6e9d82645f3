import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LIMITS } from "../../src/base/mod.ts";
import { Dice, sentence } from "../../src/load/mod.ts";
import { deepCheck, figure, filesUnder, scratch, suite, TestNode, until } from "./harness.ts";

/** The words of `sentence` have none of these, so that no other text ends like a marker. */
const LETTERS = "qcqcpq0123456789";
const SEARCHED_BYTES = 6;
const WRITERS = 4;
const dice = new Dice(Date.now());

/** A word that nothing else contains the end of. */
function marker(): string {
  return Array.from({ length: 12 }, () => LETTERS[dice.below(LETTERS.length)]).join("");
}

interface Marked {
  atom: Record<string, unknown>;
  /** What must be found while the atom is there and not afterwards, by where it stands. */
  traces: Record<string, Buffer>;
}

/** An atom with markers wherever a caller can put something. */
function marked(world: string): Marked {
  const words = { text: marker(), second: marker(), label: marker(), session: marker(), worker: marker() };
  const vector = Array.from({ length: 8 }, () => Math.fround(dice.next() * 2 - 1));
  const atom = {
    world,
    worker: words.worker,
    kind: "message",
    payload_json: JSON.stringify({
      text: `${sentence(dice, 6)} ${words.text} ${sentence(dice, 4)} ${words.second}`,
    }),
    labels: [words.label, `session:${words.session}`],
    vector,
  };
  const traces = Object.fromEntries(
    Object.entries(words).map(([where, word]) => [where, Buffer.from(word).subarray(-SEARCHED_BYTES)]),
  );
  const floats = Buffer.from(new Float32Array(vector).buffer);
  return { atom, traces: { ...traces, vector: floats.subarray(-SEARCHED_BYTES) } };
}

/** Where traces are still found, as "file: trace". */
function found(dir: string, marks: readonly Marked[]): string[] {
  const hits: string[] = [];
  for (const path of filesUnder(dir)) {
    let bytes: Buffer;
    try {
      bytes = readFileSync(path);
    } catch {
      continue; // a WAL that was just removed
    }
    for (const { traces } of marks) {
      for (const [where, trace] of Object.entries(traces))
        if (bytes.includes(trace)) hits.push(`${path}: ${where}`);
    }
  }
  return hits;
}

/** Remembers other things until told to stop, some of them forgotten again. */
async function writeOn(node: TestNode, world: string, go: { on: boolean }): Promise<number> {
  let written = 0;
  while (go.on) {
    const atom = { world, worker: "other", kind: "observation", labels: ["session:live"] };
    const payload_json = JSON.stringify({ text: sentence(dice, 12) });
    const id = await node.remember({ ...atom, payload_json });
    written += 1;
    if (written % 50 === 0) await node.send("DELETE", `/atoms/${id}`);
  }
  return written;
}

async function fill(node: TestNode, world: string): Promise<void> {
  for (let n = 0; n < 10; n++) {
    const atoms = Array.from({ length: 300 }, (_, i) => ({
      world,
      worker: `worker-${i % 7}`,
      kind: "observation",
      payload_json: JSON.stringify({ text: sentence(dice, 15) }),
      labels: [`session:${n}`],
    }));
    expect((await node.post("/remember/batch", { atoms })).status).toBe(200);
  }
}

/** Every trace is in some file. */
function expectAllThere(dir: string, marks: readonly Marked[]): void {
  const files = filesUnder(dir).map((path) => readFileSync(path));
  for (const { traces } of marks) {
    for (const [where, trace] of Object.entries(traces)) {
      expect([where, files.some((bytes) => bytes.includes(trace))]).toEqual([where, true]);
    }
  }
}

async function rememberAll(node: TestNode, marks: readonly Marked[]): Promise<string[]> {
  const ids: string[] = [];
  for (const { atom } of marks) ids.push(await node.remember(atom));
  return ids;
}

async function forgetAll(node: TestNode, ids: readonly string[]): Promise<void> {
  for (const id of ids) expect((await node.send("DELETE", `/atoms/${id}`)).status).toBe(204);
}

const GONE = "no file holds what was forgotten";

suite("forgetting", () => {
  test("at rest: text, labels, worker and vector are in files before and in none within 60 s", async () => {
    const dir = join(scratch(), "data");
    const node = await TestNode.start({ dir });
    await fill(node, "diary");
    const marks = Array.from({ length: 20 }, () => marked("diary"));
    const ids = await rememberAll(node, marks);
    expectAllThere(dir, marks);
    await Bun.sleep(3000); // the WAL is folded: the traces lie in the database too
    expectAllThere(dir, marks);
    await forgetAll(node, ids);
    const seconds = await until(GONE, LIMITS.forgetPurgeMs, () => found(dir, marks).length === 0);
    for (const id of ids) {
      expect((await node.get(`/atoms/${id}`)).status).toBe(404);
    }
    await node.stop();
    expect(found(dir, marks)).toEqual([]);
    await deepCheck(dir);
    figure(
      `forget at rest: ${ids.length} atoms gone from every file after ${seconds.toFixed(1)} s (60 allowed)`,
    );
  }, 120_000);

  test("while others write", async () => {
    const dir = join(scratch(), "data");
    const node = await TestNode.start({ dir });
    await fill(node, "diary");
    const go = { on: true };
    const writers = Array.from({ length: WRITERS }, (_, i) => writeOn(node, i % 2 ? "diary" : "other", go));
    const marks = Array.from({ length: 20 }, () => marked("diary"));
    const ids = await rememberAll(node, marks);
    expectAllThere(dir, marks);
    await Bun.sleep(1000);
    await forgetAll(node, ids);
    const seconds = await until(GONE, LIMITS.forgetPurgeMs, () => found(dir, marks).length === 0);
    await Bun.sleep(2000); // and nothing brings it back
    expect(found(dir, marks)).toEqual([]);
    go.on = false;
    const written = (await Promise.all(writers)).reduce((a, b) => a + b, 0);
    await node.stop();
    expect(found(dir, marks)).toEqual([]);
    await deepCheck(dir);
    figure(
      `forget under writes: ${ids.length} atoms gone from every file after ${seconds.toFixed(1)} s (60 allowed), ${written} memories written meanwhile`,
    );
  }, 120_000);

  test("a kill -9 right after the answer does not keep it from happening", async () => {
    const dir = join(scratch(), "data");
    let slowest = 0;
    for (let round = 0; round < 5; round++) {
      const node = await TestNode.start({ dir });
      if (round === 0) await fill(node, "diary");
      const marks = Array.from({ length: 10 }, () => marked("diary"));
      const ids = await rememberAll(node, marks);
      expectAllThere(dir, marks);
      await forgetAll(node, ids);
      await Bun.sleep(round * 400);
      await node.kill();
      const again = await TestNode.start({ dir });
      const seconds = await until(GONE, LIMITS.forgetPurgeMs, () => found(dir, marks).length === 0);
      slowest = Math.max(slowest, seconds);
      for (const id of ids) expect((await again.get(`/atoms/${id}`)).status).toBe(404);
      await again.kill();
      expect(found(dir, marks)).toEqual([]);
    }
    await deepCheck(dir);
    figure(`forget and kill -9: gone ${slowest.toFixed(1)} s after the restart at the latest (60 allowed)`);
  }, 240_000);

  test("a deleted world goes the same way", async () => {
    const dir = join(scratch(), "data");
    const node = await TestNode.start({ dir });
    await fill(node, "diary");
    const marks = Array.from({ length: 20 }, () => marked("secret"));
    await rememberAll(node, marks);
    expectAllThere(dir, marks);
    expect((await node.post("/worlds/manage", { action: "delete", world: "secret" })).status).toBe(200);
    const seconds = await until(GONE, LIMITS.forgetPurgeMs, () => found(dir, marks).length === 0);
    await node.stop();
    await deepCheck(dir);
    figure(`world deleted: gone from every file after ${seconds.toFixed(1)} s (60 allowed)`);
  }, 120_000);
});
