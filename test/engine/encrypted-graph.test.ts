/** The vector graph of a large world: a file beside a plain store, none beside an encrypted one; both answer by it. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { MB, volatileDir } from "../../src/base/mod.ts";
import { loadModel, StaticEmbedder } from "../../src/embedder/mod.ts";
import { checkStore } from "../../src/storage/mod.ts";
import { KEYRING } from "../storage/harness.ts";
import { atom, contentOf, FIRM, Fixture, JSON_WANTED } from "./harness.ts";

const TEXT = "the refrigerator was left open over night";
const embedder = new StaticEmbedder(await loadModel());

/** Files under a data directory that hold some bytes. */
function holders(dir: string, bytes: Uint8Array): string[] {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(bytes))
    .map((path) => path.slice(dir.length + 1));
}

test.each([
  ["plain", { keys: {} }],
  ["encrypted", KEYRING],
])("%s", async (_, keyring) => {
  Fixture.keyring = keyring;
  const f = new Fixture();
  Fixture.keyring = { keys: {} };
  const encrypted = keyring === KEYRING;
  f.vectors = { cacheBytes: 0, graphBytes: 64 * MB, graphFrom: 100 };
  await f.start();
  const items = Array.from({ length: 400 }, (_, i) => atom(i === 7 ? TEXT : `note ${i} about the weather`));
  await f.engine.rememberBatch(f.me, items, FIRM, JSON_WANTED);
  const ask = async (): Promise<{ mode: string; supporting_atoms: { payload_json: string }[] }> =>
    contentOf(
      await f.engine.ask(f.me, { world: "w", text: "why did our food spoil", limit: 3 }, JSON_WANTED),
    );
  const deadline = Date.now() + 30_000;
  while ((await ask()).mode !== "ann" && Date.now() < deadline) await Bun.sleep(50);
  const found = await ask();
  expect(found.mode).toBe("ann");
  expect(JSON.stringify(found.supporting_atoms)).toContain("refrigerator");
  const q = embedder.embedInt8(TEXT);
  const bytes = new Uint8Array(q.buffer, q.byteOffset, q.length);
  const where = holders(f.dataDir, bytes);
  if (encrypted) expect(where).toEqual([]);
  else expect(where.some((path) => path.startsWith("index/"))).toBe(true);
  await f.engine.close();
  expect(holders(f.dataDir, bytes).length > 0).toBe(!encrypted);
  if (encrypted) {
    const dir = volatileDir(f.dataDir)!;
    rmSync(dir, { recursive: true });
    await f.start();
    expect(existsSync(dir)).toBe(true);
    await f.engine.close();
    expect(existsSync(dir)).toBe(false);
  } else expect(existsSync(join(f.dataDir, "index"))).toBe(true);
  const vectors = { space: embedder.space, embed: (text: string) => embedder.embedInt8(text) };
  expect(checkStore(f.dataDir, { deep: true, keyring, vectors }).findings).toEqual([]);
  expect([f.bugs, f.deaths]).toEqual([[], []]);
  rmSync(f.dataDir, { recursive: true });
});
