/** A running node over damaged pages and rows: what is damaged is refused and told, all else goes on. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Atom } from "../../src/atom/mod.ts";
import { type Fault, LIMITS, layout } from "../../src/base/mod.ts";
import { checkStore, reindexStore, repairStore } from "../../src/storage/mod.ts";
import { atom, contentOf, FIRM, Fixture, JSON_WANTED } from "./harness.ts";

const PAGE = LIMITS.pageSize;
let f: Fixture;
beforeEach(async () => {
  f = await Fixture.open();
});
afterEach(() => rmSync(f.dataDir, { recursive: true, force: true }));

/** Stops the node, spoils the pages of a table of which `which` holds, and starts it again. */
async function spoil(table: string, which: (page: Buffer, n: number) => boolean): Promise<void> {
  await f.engine.close();
  const { database } = layout(f.dataDir);
  const db = new Database(database, { readonly: true });
  const rows = db.query("SELECT pageno FROM dbstat WHERE name = ?").values(table) as [number][];
  db.close();
  const file = readFileSync(database);
  let hit = 0;
  rows.forEach(([page], n) => {
    const at = (page - 1) * PAGE;
    if (which(file.subarray(at, at + PAGE), n)) {
      hit += 1;
      file.fill(0xee, at, at + 64);
    }
  });
  expect(hit).toBeGreaterThan(0);
  writeFileSync(database, file);
  await f.start();
}

async function fill(): Promise<string[]> {
  const items = Array.from({ length: LIMITS.textTail + 40 }, (_, i) => atom(`owl ${i}`));
  const reply = await f.engine.rememberBatch(f.me, items, FIRM, JSON_WANTED);
  return (contentOf(reply) as { ids: string[] }).ids;
}

const ask = async (text: string): Promise<Answer> =>
  contentOf(await f.engine.ask(f.me, { world: "w", text, limit: 5 }, JSON_WANTED));

interface Answer {
  mode: string;
  warnings: string[];
  supporting_atoms: Atom[];
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "";
  } catch (cause) {
    return (cause as Fault).code;
  }
}

test("a damaged page of atoms: those on it are refused, the others are answered, writing goes on", async () => {
  const ids = await fill();
  await spoil("atom", (_, n) => n === 5);
  const codes: string[] = [];
  for (const id of ids) codes.push(await refusal(f.get(id)));
  const refused = codes.filter((code) => code !== "");
  expect(new Set(refused)).toEqual(new Set(["storage_error"]));
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(ids.length / 3);
  // a write that meets the damage fails alone, whoever shares its commit
  const lost = ids[codes.findIndex((code) => code !== "")]!;
  const both = await Promise.all([refusal(f.engine.forget(f.me, lost)), refusal(f.remember(atom("heron")))]);
  expect(both).toEqual(["storage_error", ""]);
  const id = await f.remember(atom("fox"));
  expect((await f.get(id)).payload_json).toContain("fox");
  expect(f.damage.join()).toContain("damaged");
  await f.engine.close();
  // the rows behind the page's spoilt header are whole
  expect(repairStore(f.dataDir)).toMatchObject({ whole: false, atoms: ids.length + 2, lost: [] });
  expect([f.bugs, f.deaths]).toEqual([[], []]);
});

test("a damaged text index: asks answer by meaning and say so, remembers go on, reindex heals it", async () => {
  await fill();
  await spoil("text_v1_data", () => true);
  const found = await ask("owl 7");
  expect(found.supporting_atoms.length).toBeGreaterThan(0);
  expect(found.warnings.join()).toContain("the text index is damaged");
  for (let i = 0; i < 3; i++) {
    await f.engine.rememberBatch(
      f.me,
      Array.from({ length: 200 }, () => atom("heron")),
      FIRM,
      JSON_WANTED,
    );
  }
  expect((await ask("heron")).supporting_atoms[0]?.payload_json).toContain("heron");
  await f.engine.close();
  expect(f.damage.join()).toContain("text index");
  expect(checkStore(f.dataDir, { deep: true }).clean).toBe(false);
  const keyring = { keys: {} };
  reindexStore(f.dataDir, { keyring });
  expect(checkStore(f.dataDir, { deep: true, keyring }).findings).toEqual([]);
  expect([f.bugs, f.deaths]).toEqual([[], []]);
});

test("damaged vectors: asks go by words and say so", async () => {
  await fill();
  await spoil("vec", () => true);
  const found = await ask("owl 7");
  expect(found.mode).toBe("lexical");
  expect(found.warnings.join()).toContain("the vectors are damaged");
  expect(found.supporting_atoms.length).toBeGreaterThan(0);
  await f.engine.close();
  expect([f.bugs, f.deaths]).toEqual([[], []]);
});
