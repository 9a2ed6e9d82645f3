/** Restoring, rotating and drilling; a disk that fails at any step leaves what was there. */
import { Database } from "bun:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import {
  backupTo,
  createArchive,
  drillArchive,
  lastBackup,
  listBackups,
  type RestoreOptions,
  restoreArchive,
  verifyArchive,
} from "../../src/backup/mod.ts";
import { Fault, fileCalls, layout, MB } from "../../src/base/mod.ts";
import { keyringOf, lockDirectory, storeFacts } from "../../src/storage/mod.ts";
import { note, Store } from "../storage/harness.ts";
import { archive, digestOf, makeStore, QUIET, Scratch, SELF, textsOf } from "./harness.ts";

let scratch: Scratch;
let data: string;
let file: string;

beforeEach(async () => {
  scratch = new Scratch();
  data = scratch.path("data");
  file = scratch.path("a.tzst");
  makeStore(data, ["the kettle is blue", "the pot is green"]);
  await archive(data, file);
});
afterEach(() => scratch.remove());

const restore = (dataDir: string, change: Partial<RestoreOptions> = {}) =>
  restoreArchive({ input: file, dataDir, force: false, clone: false, report: QUIET, ...change });

const common = () => ({
  dataDir: data,
  diskBudget: 1000 * MB,
  index: async () => [],
  report: QUIET,
  self: SELF,
});

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (cause) => cause,
  );
  expect(error).toBeInstanceOf(Fault);
  return error;
}

describe("a restore", () => {
  test("makes missing parents, holds what the backup held, and says where it came from", async () => {
    const fresh = scratch.path("not", "yet", "there");
    const { old, findings, missingKey, metadata } = await restore(fresh);
    expect([old, findings, missingKey]).toEqual([undefined, [], null]);
    expect(textsOf(fresh)).toEqual(["the kettle is blue", "the pot is green"]);
    const note = JSON.parse(readFileSync(layout(fresh).snapshotMetadata, "utf8"));
    expect(note).toMatchObject({ ...metadata, restored_from: "a.tzst", restored_as: metadata.node_id });
  });

  test("ends with a store that works as any other: WAL, and room given back", async () => {
    const fresh = scratch.path("fresh");
    await restore(fresh);
    const store = new Store(undefined, {}, fresh);
    const pragma = (name: string) => Object.values(store.db.query(`PRAGMA ${name}`).get() as object)[0];
    expect(["journal_mode", "auto_vacuum", "page_size"].map(pragma)).toEqual(["wal", 2, 4096]);
    store.finish();
  });

  test("asks for --force where something is, and keeps what it replaces", async () => {
    const other = scratch.path("other");
    makeStore(other, ["mine"]);
    const before = digestOf(other);
    expect((await faultOf(restore(other))).code).toBe("conflict");
    expect(digestOf(other)).toEqual(before);
    const { old } = await restore(other, { force: true });
    expect(old).toBe(layout(other).old);
    expect(textsOf(other)).toEqual(["the kettle is blue", "the pot is green"]);
    expect(existsSync(layout(other).old)).toBe(true);
  });

  test("gives a clone an id of its own", async () => {
    const [same, clone] = [scratch.path("same"), scratch.path("clone")];
    await restore(same);
    const { nodeId } = await restore(clone, { clone: true });
    const idOf = (dir: string) => storeFacts(layout(dir)).nodeId;
    expect(idOf(same)).toBe(idOf(data));
    expect(idOf(clone)).toBe(nodeId);
    expect(nodeId).not.toBe(idOf(data));
  });

  test("that is refused leaves none of the directories that it made", async () => {
    await Bun.write(scratch.path("bad.tzst"), "no archive");
    const dataDir = scratch.path("a", "b", "c");
    const input = scratch.path("bad.tzst");
    await faultOf(restoreArchive({ input, dataDir, force: false, clone: false, report: QUIET }));
    expect(existsSync(scratch.path("a"))).toBe(false);
  });

  test("of a store that was damaged when it was backed up has to be wanted", async () => {
    const { database } = layout(data);
    const db = new Database(database);
    db.run("UPDATE atom SET payload = replace(payload, 'kettle', 'rocket') WHERE seq = 1");
    db.close();
    await archive(data, file);
    const fresh = scratch.path("fresh");
    const fault = await faultOf(restore(fresh));
    expect([fault.code, fault.message]).toEqual(["damaged", expect.stringContaining("--accept-damage")]);
    expect(existsSync(fresh)).toBe(false);
    const { findings } = await restore(fresh, { acceptDamage: true });
    expect(findings.length).toBeGreaterThan(0);
    expect(storeFacts(layout(fresh)).atoms).toBe(2);
  });

  test("takes vectors of other rows away with the store that they belong to", async () => {
    const other = scratch.path("other");
    makeStore(other, ["mine"]);
    await Bun.write(scratch.path("other", "index", "1-1"), "a graph");
    await restore(other, { force: true });
    expect(existsSync(layout(other).index)).toBe(false);
  });

  test("brings a store of an older dwbase to the newest schema", async () => {
    const stores = join(import.meta.dir, "../fixtures/stores");
    const old = scratch.path("schema-1");
    mkdirSync(old);
    const args = ["-xzf", join(stores, "schema-1.tar.gz"), "--strip-components=1", "-C", old, "stopped"];
    expect(Bun.spawnSync(["tar", ...args]).success).toBe(true);
    const made = await archive(old, file);
    expect(made.schema_version).toBe(1);
    const fresh = scratch.path("fresh");
    const { findings } = await restore(fresh);
    expect(findings).toEqual([]);
    expect(storeFacts(layout(fresh))).toMatchObject({ nodeId: made.node_id, atoms: made.counts.atoms });
    expect(storeFacts(layout(fresh)).schemaVersion).toBeGreaterThan(1);
    expect(existsSync(layout(fresh).migrationCopy)).toBe(false);
  });

  describe("of an encrypted store", () => {
    const KEY = "DWBASE_KEY_BACKUP_TEST";
    const secret = "encrypted";

    beforeEach(async () => {
      process.env[KEY] = "5a".repeat(32);
      const store = new Store(
        undefined,
        { keyring: keyringOf(process.env, "BACKUP_TEST", (name) => process.env[name]) },
        scratch.path(secret),
      );
      store.remember("zebra marker");
      store.writer.close();
      store.closeReader();
      delete process.env[KEY];
      await archive(scratch.path(secret), file);
    });
    afterEach(() => {
      delete process.env[KEY];
    });

    test("needs no key, and holds no word of it", async () => {
      const { missingKey, findings } = await restore(scratch.path("fresh"));
      expect([missingKey, findings]).toEqual(["BACKUP_TEST", []]);
      expect(readFileSync(layout(scratch.path("fresh")).database).includes("zebra")).toBe(false);
      process.env[KEY] = "5a".repeat(32);
      expect(textsOf(scratch.path("fresh"))).toEqual(["zebra marker"]);
    });

    test("checks every row with its key, and refuses a wrong one", async () => {
      process.env[KEY] = "5a".repeat(32);
      expect(await restore(scratch.path("fresh"))).toMatchObject({ missingKey: null, findings: [] });
      process.env[KEY] = "a5".repeat(32);
      expect((await faultOf(restore(scratch.path("other")))).code).toBe("forbidden");
      expect(existsSync(scratch.path("other"))).toBe(false);
    });

    test("gives a clone an id of its own with the key alone", async () => {
      expect((await faultOf(restore(scratch.path("fresh"), { clone: true }))).code).toBe("forbidden");
      process.env[KEY] = "5a".repeat(32);
      const { nodeId, metadata } = await restore(scratch.path("fresh"), { clone: true });
      expect(nodeId).not.toBe(metadata.node_id);
    });
  });

  test("is refused while a node uses the directory", async () => {
    const lock = lockDirectory(layout(data));
    try {
      expect((await faultOf(restore(data, { force: true }))).message).toContain("another dwbase uses");
    } finally {
      lock.release();
    }
    expect(textsOf(data)).toHaveLength(2);
  });
});

describe("a backup of a living store", () => {
  test("holds what was committed, and nothing that was forgotten", async () => {
    const dir = scratch.path("living");
    const store = new Store(undefined, {}, dir);
    const secret = store.remember("zebra-marker-text");
    store.batch([note("one"), note("two")]);
    store.forget(secret);
    const out = scratch.path("living.tzst");
    await createArchive({ ...common(), dataDir: dir, out });
    store.remember("three");
    store.writer.close();
    store.closeReader();
    const copy = scratch.path("copy");
    await restoreArchive({ input: out, dataDir: copy, force: false, clone: false, report: QUIET });
    expect(textsOf(copy)).toEqual(["one", "two"]);
    expect(readFileSync(layout(copy).database).includes("zebra-marker")).toBe(false);
  });

  test("is encrypted on the way when it is wanted so, and the store stays as it is", async () => {
    const out = scratch.path("usb", "sealed.tzst");
    const onDrive = new Set<string>();
    const report = (): void => {
      for (const name of readdirSync(scratch.path("usb"), { recursive: true }))
        onDrive.add(basename(String(name)));
    };
    const wanted = { ...common(), out, encrypt: "BACKUP_TEST", report };
    expect((await faultOf(createArchive(wanted))).code).toBe("forbidden");
    expect(existsSync(out)).toBe(false);
    process.env.DWBASE_KEY_BACKUP_TEST = "5a".repeat(32);
    try {
      await createArchive(wanted);
      // the open copy never lay where the archive does
      expect([...onDrive].filter((name) => !name.startsWith(".dwbase-work-"))).toEqual(["archive.part"]);
      expect(readdirSync(scratch.path("usb"))).toEqual(["sealed.tzst"]);
      const { missingKey } = await restoreArchive({
        input: out,
        dataDir: scratch.path("copy"),
        force: false,
        clone: false,
        report: QUIET,
      });
      expect(missingKey).toBeNull();
      const { database } = layout(scratch.path("copy"));
      for (const word of ["kettle", "green"]) expect(readFileSync(database).includes(word)).toBe(false);
      expect(textsOf(scratch.path("copy"))).toEqual(["the kettle is blue", "the pot is green"]);
      expect((await faultOf(createArchive({ ...wanted, dataDir: scratch.path("copy") }))).code).toBe("usage");
    } finally {
      delete process.env.DWBASE_KEY_BACKUP_TEST;
    }
    expect(storeFacts(layout(data)).keyId).toBeNull();
  });

  test("can be stopped, and leaves nothing", async () => {
    const stop = new AbortController();
    const out = scratch.path("usb", "stopped.tzst");
    const report = (what: string): void => {
      if (what === "writing the archive") stop.abort();
    };
    const work = createArchive({ ...common(), out, report, signal: stop.signal });
    expect(await work.catch((error) => error.name)).toBe("AbortError");
    expect(readdirSync(scratch.path("usb"))).toEqual([]);
  });

  test("leaves the index out when a node of very many worlds says too much of it", async () => {
    const index = async () =>
      Array.from({ length: 40_000 }, (_, n) => ({ world: `w${n}`, pad: "x".repeat(100) }));
    const out = scratch.path("many.tzst");
    await createArchive({ ...common(), out, index });
    expect((await verifyArchive(out)).index).toEqual([]);
  });

  test("goes to a pipe as the same archive", async () => {
    const parts: Uint8Array[] = [];
    const made = await createArchive({ ...common(), out: (bytes) => void parts.push(bytes.slice()) });
    const path = scratch.path("piped.tzst");
    await Bun.write(path, Buffer.concat(parts));
    expect(made.bytes).toBe(Buffer.concat(parts).length);
    expect((await verifyArchive(path)).counts.atoms).toBe(2);
  });

  test("says why there is none of an empty directory", async () => {
    const empty = scratch.path("empty");
    mkdirSync(empty);
    const fault = await faultOf(createArchive({ ...common(), dataDir: empty, out: scratch.path("no.tzst") }));
    expect(fault.code).toBe("not_found");
    expect(existsSync(scratch.path("no.tzst"))).toBe(false);
  });
});

describe("rotation", () => {
  test("keeps the newest of this node, and whatever is not its own", async () => {
    const target = scratch.path("usb");
    mkdirSync(target);
    await Bun.write(scratch.path("usb", "holiday.jpg"), "x");
    await Bun.write(scratch.path("usb", "dwbase-00000000-20200101T000000Z.tzst"), "another node's");
    const made: string[] = [];
    for (let n = 0; n < 4; n++) {
      const { path } = await backupTo({ ...common(), target, requireMount: false, keep: 2 });
      made.push(path);
    }
    const left = await listBackups(target);
    expect(left.slice(1).map(({ path }) => path)).toEqual(made.slice(-2));
    expect(left.slice(1).map(({ metadata }) => metadata?.counts.atoms)).toEqual([2, 2]);
    expect(readdirSync(target)).toContain("holiday.jpg");
    expect(left[0]).toMatchObject({ path: expect.stringContaining("00000000"), metadata: null });
    expect(lastBackup(data)).toMatchObject({ last_file: made[3], last_error: null, failures: 0 });
  });

  test("a directory at which nothing is mounted is refused, and the refusal is noted", async () => {
    const target = scratch.path("not-mounted");
    mkdirSync(target);
    const before = lastBackup(data);
    const fault = await faultOf(backupTo({ ...common(), target, requireMount: true, keep: 2 }));
    expect([fault.code, fault.message]).toEqual([
      "storage_error",
      expect.stringContaining("nothing is mounted"),
    ]);
    expect(lastBackup(data)).toMatchObject({
      last_success_at: before.last_success_at,
      last_error: fault.message,
      failures: 1,
    });
    expect(readdirSync(target)).toEqual([]);
  });
});

test("a rotation on a disk that fails never leaves the directory without a good backup", async () => {
  const target = scratch.path("usb");
  const rotating = { ...common(), target, requireMount: false, keep: 1 };
  await backupTo(rotating);
  for (const call of ["writeSync", "fsyncSync", "renameSync"] as const) {
    for (let nth = 1, failed = true; failed; nth++) {
      const real = fileCalls[call] as (...args: unknown[]) => unknown;
      let uses = 0;
      const spy = spyOn(fileCalls, call).mockImplementation(((...args: unknown[]) => {
        if (++uses === nth) throw Object.assign(new Error("EIO"), { code: "EIO", syscall: call });
        return real(...args);
      }) as never);
      await backupTo(rotating).catch(() => undefined);
      spy.mockRestore();
      failed = uses >= nth;
      const names = readdirSync(target);
      expect(names.every((name) => name.endsWith(".tzst"))).toBe(true);
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) await verifyArchive(join(target, name));
    }
  }
});

test("a drill restores, checks deeply and removes the copy", async () => {
  const before = readdirSync(scratch.dir).sort();
  const { findings, metadata } = await drillArchive(file, QUIET);
  expect([findings, metadata.counts.atoms]).toEqual([[], 2]);
  expect(readdirSync(scratch.dir).sort()).toEqual(before);
});

/** Every call that puts bytes on the disk, failing at its n-th use. */
describe("a disk that fails", () => {
  const CALLS = ["openSync", "writeSync", "fsyncSync", "renameSync"] as const;
  const ERRORS = ["ENOSPC", "EIO"] as const;
  const cases = CALLS.flatMap((call) => ERRORS.map((errno) => [call, errno] as const));
  const restored: { mockRestore(): void }[] = [];

  beforeAll(() => restored.splice(0));
  afterAll(() => expect(restored).toEqual([]));

  /** Runs `work` with the n-th call failing. @returns what came of it; "unreached" when it makes fewer calls */
  async function failing(
    call: (typeof CALLS)[number],
    errno: string,
    nth: number,
    work: () => Promise<object>,
  ): Promise<"failed" | "warned" | "unreached"> {
    const real = fileCalls[call] as (...args: unknown[]) => unknown;
    let uses = 0;
    const spy = spyOn(fileCalls, call).mockImplementation(((...args: unknown[]) => {
      uses += 1;
      if (uses === nth) throw Object.assign(new Error(errno), { code: errno, syscall: call });
      return real(...args);
    }) as never);
    try {
      const outcome = await work().catch((cause) => cause);
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(Fault);
        expect([uses >= nth, (outcome as Fault).code]).toEqual([
          true,
          errno === "ENOSPC" ? "disk_full" : "storage_error",
        ]);
        return "failed";
      }
      expect("warning" in outcome).toBe(uses >= nth);
      return uses >= nth ? "warned" : "unreached";
    } finally {
      spy.mockRestore();
    }
  }

  test.each(cases)("%s with %s: a backup leaves the last good one and nothing else", async (call, errno) => {
    const target = scratch.path("usb");
    mkdirSync(target);
    const { path } = await backupTo({ ...common(), target, requireMount: false, keep: 1 });
    const good = readFileSync(path);
    for (let nth = 1; nth < 60; nth++) {
      const out = scratch.path("usb", `new-${nth}.tzst`);
      const outcome = await failing(call, errno, nth, () => createArchive({ ...common(), out }));
      if (outcome === "unreached") return expect(nth).toBeGreaterThan(1);
      if (outcome === "warned") {
        // only the note of it failed
        await verifyArchive(out);
        rmSync(out);
      }
      expect(readdirSync(target).map((name) => [name, existsSync(out)])).toEqual([
        [path.split("/").at(-1)!, false],
      ]);
      expect(readFileSync(path).equals(good)).toBe(true);
    }
  });

  test.each(cases)("%s with %s: a restore leaves the old store or the new one", async (call, errno) => {
    for (let nth = 1; nth < 60; nth++) {
      const target = scratch.path(`target-${nth}`);
      makeStore(target, ["old"]);
      const outcome = await failing(call, errno, nth, () => restore(target, { force: true }));
      const texts = textsOf(target);
      if (outcome === "unreached") return expect([nth > 1, texts.length]).toEqual([true, 2]);
      expect([["old"], ["the kettle is blue", "the pot is green"]]).toContainEqual(texts);
      expect(existsSync(layout(target).restoring)).toBe(false);
    }
  });
});
