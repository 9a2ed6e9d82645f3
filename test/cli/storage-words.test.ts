/** `dwbase storage …` over a data directory: what it says, what it does, how it exits. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { layout, newId } from "../../src/base/mod.ts";
import { insertAtom, keyringOf, StoreWriter } from "../../src/storage/mod.ts";
import { type Bench, openBench, type Ran } from "./harness.ts";

const KEY = "c3".repeat(32);
let bench: Bench;
let dir: string;

beforeEach(() => {
  bench = openBench();
  dir = join(bench.dir, "data");
  fill(new StoreWriter(dir));
});
afterEach(() => bench.close());

function fill(writer: StoreWriter): void {
  const atom = (i: number) => ({
    world: "home",
    worker: "ann",
    kind: "observation" as const,
    payload_json: JSON.stringify({ text: `the owl of night ${i}` }),
  });
  writer.commit([(ctx) => Array.from({ length: 30 }, (_, i) => insertAtom(ctx, atom(i)))]);
  writer.close();
}

function storage(words: string, env: Record<string, string> = {}): Promise<Ran> {
  return bench.run(["storage", ...words.split(" "), "--data-dir", dir], { env });
}

function damage(): void {
  const { database } = layout(dir);
  const bytes = readFileSync(database);
  bytes[bytes.indexOf("owl of night 12")]! ^= 1;
  writeFileSync(database, bytes);
}

describe("rekey", () => {
  test("encrypts, says what to set, and everything else then needs the key", async () => {
    const env = { DWBASE_KEY_HOME: KEY };
    const { code, out, err } = await storage("rekey --to HOME", env);
    expect([code, out]).toEqual([
      0,
      `${dir}: 30 memories are now encrypted by the key "HOME"; the old file is removed\n`,
    ]);
    expect(err).toContain('encryption_enabled = true, key_id = "HOME"');
    expect(readFileSync(layout(dir).database).includes("owl")).toBe(false);
    expect((await storage("check --deep", env)).code).toBe(0);
    const refused = await storage("check --deep");
    expect([refused.code, refused.out]).toEqual([4, ""]);
    expect(refused.err).toContain("set DWBASE_KEY_HOME to its 64 hex digits");
    expect((await storage("rekey --to HOME", env)).out).toBe(
      `${dir} is encrypted by the key "HOME" already\n`,
    );
    const back = await storage("rekey --to none --json", env);
    expect(JSON.parse(back.out)).toEqual({ data_dir: dir, key_id: null, atoms: 30 });
    expect((await storage("check --deep")).code).toBe(0);
  });

  test("takes the key from a file of secrets too", async () => {
    const credentials = join(bench.dir, "credentials");
    mkdirSync(credentials);
    writeFileSync(join(credentials, "dwbase_key_home"), `${KEY}\n`);
    const env = { CREDENTIALS_DIRECTORY: credentials };
    expect((await storage("rekey --to HOME", env)).code).toBe(0);
    new StoreWriter(dir, { keyring: keyringOf({ DWBASE_KEY_HOME: KEY }) }).close();
  });

  test("without its key, or without a word which, changes nothing", async () => {
    const before = readFileSync(layout(dir).database);
    const refused = await storage("rekey --to HOME");
    expect([refused.code, refused.err]).toEqual([
      4,
      'dwbase: the store that rekey makes is encrypted by the key "HOME": set DWBASE_KEY_HOME to its 64 hex digits\n',
    ]);
    expect((await storage("rekey")).code).toBe(2);
    expect(readFileSync(layout(dir).database)).toEqual(before);
  });
});

test.skipIf(process.getuid?.() !== 0)("what root makes anew is the owner's, who can go on", async () => {
  const nobody = 65_534;
  for (const path of [dir, layout(dir).database]) chownSync(path, nobody, nobody);
  const env = { DWBASE_KEY_HOME: KEY };
  for (const words of ["reindex", "rekey --to HOME", "rekey --to none"]) {
    expect((await storage(words, env)).code).toBe(0);
    expect([words, statSync(layout(dir).database).uid]).toEqual([words, nobody]);
  }
  damage();
  expect((await storage("repair")).code).toBe(6);
  expect(statSync(layout(dir).database).uid).toBe(nobody);
});

describe("index status of a directory", () => {
  const status = (env: Record<string, string> = {}, api = "") =>
    bench.run(["index", "status", "--json", "--data-dir", dir], { env: { DWBASE_API: api, ...env } });

  test("is read from it, with nobody to ask", async () => {
    const row = {
      world: "home",
      embedder_version: null,
      mode: "lexical",
      ready: true,
      indexed: 30,
      pending: 0,
    };
    expect(JSON.parse((await status()).out)).toMatchObject([row]);
    await storage("reindex");
    const embedded = { ...row, embedder_version: "static-minilm-256-v1", mode: "exact" };
    expect(JSON.parse((await status()).out)).toMatchObject([embedded]);
    fill(new StoreWriter(dir));
    const behind = { indexed: 30, pending: 30, rebuilding: true, progress: 0.5 };
    expect(JSON.parse((await status()).out)).toMatchObject([{ ...embedded, ...behind }]);
    expect(bench.node.requests).toEqual([]);
  });

  test("an address that is named is asked", async () => {
    await status({}, bench.node.url);
    expect(bench.node.requests.map(({ path }) => path)).toEqual(["/index/status"]);
  });

  test("of an encrypted one wants its key", async () => {
    const env = { DWBASE_KEY_HOME: KEY };
    expect((await storage("rekey --to HOME", env)).code).toBe(0);
    expect((await status()).code).toBe(4);
    expect(JSON.parse((await status(env)).out)).toMatchObject([{ world: "home", indexed: 30 }]);
  });
});

describe("keys of a stopped node", () => {
  const keys = (words: string, where = dir) => bench.run(["keys", ...words.split(" "), "--data-dir", where]);

  test("are made, listed beside whoever uses the directory, and revoked", async () => {
    expect((await keys("create --name kitchen --read home")).code).toBe(0);
    const node = new StoreWriter(dir);
    expect((await keys("list")).out).toStartWith("kitchen\t");
    expect((await keys("revoke kitchen")).err).toContain("another dwbase uses");
    node.close();
    expect((await keys("revoke kitchen")).code).toBe(0);
    expect((await keys("list --json")).out).toBe("[]\n");
    expect((await storage("check --deep")).code).toBe(0);
  });

  test("of an encrypted directory want its key, which may lie in a file of secrets", async () => {
    expect((await storage("rekey --to HOME", { DWBASE_KEY_HOME: KEY })).code).toBe(0);
    const credentials = join(bench.dir, "credentials");
    mkdirSync(credentials);
    writeFileSync(join(credentials, "dwbase_key_home"), KEY);
    const keys = (...words: string[]) =>
      bench.run(["keys", ...words, "--data-dir", dir], { env: { CREDENTIALS_DIRECTORY: credentials } });
    expect((await keys("create", "--name", "kitchen")).code).toBe(0);
    expect((await keys("list")).out).toStartWith("kitchen\t");
    const without = await bench.run(["keys", "list", "--data-dir", dir]);
    expect([without.code, without.out]).toEqual([4, ""]);
    expect((await keys("revoke", "kitchen")).code).toBe(0);
  });

  test("of a directory of the first release, which is only looked at, are none", async () => {
    const archive = join(import.meta.dir, "../fixtures/stores/schema-1.tar.gz");
    Bun.spawnSync(["tar", "xzf", archive, "-C", bench.dir]);
    const old = join(bench.dir, "stopped");
    expect(await keys("list", old)).toEqual({ code: 0, out: "", err: "" });
    expect((await bench.run(["storage", "check", "--json", "--data-dir", old])).out).toContain(
      '"schemaVersion":1',
    );
  });

  test("a mistyped directory is not found, and not made", async () => {
    const typo = join(bench.dir, "dta");
    for (const words of ["list", "create --name x", "revoke x", `revoke ${newId(0)}`]) {
      const { code, err } = await keys(words, typo);
      expect([words, code, err]).toEqual([
        words,
        3,
        `dwbase: there is no dwbase database in ${typo}; check --data-dir\n`,
      ]);
    }
    expect(existsSync(typo)).toBe(false);
  });
});

describe("repair", () => {
  test("of a damaged store names what is lost, keeps the old file and exits 6", async () => {
    damage();
    expect((await storage("check --deep")).code).toBe(6);
    const { code, out, err } = await storage("repair");
    expect(code).toBe(6);
    expect(out).toBe(`lost: sequence 13 (world home)\n${dir}: 29 memories saved, 1 lost\n`);
    expect(err).toContain("dwbase.db.damaged");
    expect(existsSync(layout(dir).damaged)).toBe(true);
    expect((await storage("check --deep")).code).toBe(0);
  });

  test("of a whole store does nothing and exits 0", async () => {
    expect(await storage("repair")).toMatchObject({ code: 0, out: `${dir} is whole; nothing was done\n` });
  });

  test("as JSON", async () => {
    damage();
    const { out } = await storage("repair --json");
    expect(JSON.parse(out)).toMatchObject({
      whole: false,
      atoms: 29,
      lost: [{ seq: 13, world: "home" }],
      unnamed: 0,
    });
  });
});

test("a terminal sees how far it is, unless it cannot take a line back", async () => {
  const seen = async (env: Record<string, string>) =>
    (await bench.run(["storage", "reindex", "--data-dir", dir], { tty: true, env })).err;
  expect(await seen({})).toContain("100 %");
  expect(await seen({ TERM: "dumb" })).toBe("");
});

test("reindex makes vectors where there were none", async () => {
  expect(await storage("reindex")).toMatchObject({
    code: 0,
    out: `${dir}: the index of 30 memories is built anew\n`,
  });
  const { out } = await storage("check --deep --json");
  expect(JSON.parse(out)).toMatchObject({ clean: true, counts: { vec: 30 } });
});

test("rollback without an upgrade is refused with exit 4 and says why", async () => {
  const { code, err } = await storage("rollback");
  expect(code).toBe(4);
  expect(err).toContain("no upgrade was made");
});

test("each refuses a directory that a node uses", async () => {
  const writer = new StoreWriter(dir);
  for (const words of ["repair", "reindex", "rekey --to none", "rollback"]) {
    const { code, err } = await storage(words, { DWBASE_KEY_HOME: KEY });
    expect([words, code]).toEqual([words, 1]);
    expect(err).toContain("another dwbase uses");
  }
  writer.close();
});
