/**
 * Trouble with the disk and the clock at every step that writes: a remember, a batch, a checkpoint, a migration, a
 * snapshot of the vector index, a backup, its rotation, a restore.
 */
import { describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Dice, sentence } from "../../src/load/mod.ts";
import { EIO, ENOSPC, FaultyDisk, type Trouble } from "./faults.ts";
import { atomOf, deepCheck, run, type StoredAtom, scratch, suite, TestNode, until } from "./harness.ts";
import { textsOf } from "./stores.ts";

const STORES = join(import.meta.dir, "../fixtures/stores");
const YEAR_S = 365 * 24 * 3600;
/** Exit codes of commands that meet it; a clock that is wrong stops nothing. */
const FAILED = 1;
const FULL = 7;

interface Kind {
  fault: Trouble;
  /** How a command ends that meets it. */
  exit: number;
  /** What a write is answered that meets it. */
  refusal?: string;
}

const FAULTS: Record<string, Kind> = {
  "a disk with no space": { fault: { writeErrno: ENOSPC }, exit: FULL, refusal: "507 disk_full" },
  "a disk with failing writes": { fault: { writeErrno: EIO }, exit: FAILED, refusal: "503 storage_error" },
  "a disk with failing fsyncs": { fault: { syncErrno: EIO }, exit: FAILED, refusal: "503 storage_error" },
  "a disk with one failed fsync": {
    fault: { syncErrno: EIO, failures: 1 },
    exit: FAILED,
    refusal: "503 storage_error",
  },
  "a disk with short writes": { fault: { shortWrites: 100_000 }, exit: 0 },
  "a disk with failing renames": { fault: { renameErrno: EIO }, exit: FAILED },
  "a clock that steps 12 years on": { fault: { clockShiftS: 12 * YEAR_S }, exit: 0 },
  "a clock that steps 30 years back": { fault: { clockShiftS: -30 * YEAR_S }, exit: 0 },
};
const CASES = Object.entries(FAULTS);
/** Of steps that rename nothing. */
const IN_PLACE = CASES.filter(([, { fault }]) => fault.renameErrno === undefined);
const isOfClock = ({ fault }: Kind): boolean => fault.clockShiftS !== undefined;

/** A data directory of the first schema. */
function oldStore(): string {
  const dir = scratch();
  const args = ["-xzf", join(STORES, "schema-1.tar.gz"), "--strip-components=1", "-C", dir, "killed"];
  expect(Bun.spawnSync(["tar", ...args]).success).toBe(true);
  return dir;
}

const idsOf = async (node: TestNode): Promise<string[]> => (await node.replay("home")).map(({ id }) => id);

/** Writes own atoms in one way. @returns status and code of the answer */
type Write = (node: TestNode, atoms: object[]) => Promise<string>;
const told = ({ status, body }: { status: number; body: { code?: string } }): string =>
  status === 200 ? "200" : `${status} ${body.code}`;
const WRITES: [name: string, atoms: number, write: Write][] = [
  ["a remember", 1, async (node, [atom]) => told(await node.post("/remember", atom))],
  ["a batch", 40, async (node, atoms) => told(await node.post("/remember/batch", { atoms }))],
];

suite("a write", () => {
  describe.each(WRITES)("%s", (_, count, write) => {
    test.each(IN_PLACE)(
      "on %s is acknowledged and there, or refused and settled by a retry",
      async (__, kind) => {
        const disk = FaultyDisk.make("*/dwbase.db-wal");
        const dir = join(scratch(), "data");
        const node = await TestNode.start({ dir, env: disk.env });
        const ids: string[] = [];
        const own = () => {
          const atoms = Array.from({ length: count }, () =>
            atomOf("the kettle is blue", { id: randomUUID() }),
          );
          ids.push(...atoms.map(({ id }) => String(id)));
          return atoms;
        };
        expect(await write(node, own())).toBe("200");
        disk.set(kind.fault);
        const atoms = own();
        expect(await write(node, atoms)).toBe(kind.refusal ?? "200");
        expect((await node.get(`/atoms/${ids[0]}`)).status).toBe(200);
        if (kind.refusal) {
          disk.mend();
          await until("a retry settles it", 20_000, async () => (await write(node, atoms)) === "200");
        }
        expect(await write(node, own())).toBe("200");
        expect(await idsOf(node)).toEqual(ids);
        await node.kill();
        disk.close();
        const again = await TestNode.start({ dir });
        expect(await idsOf(again)).toEqual(ids);
        await again.stop();
        await deepCheck(dir);
      },
    );
  });
});

suite("a checkpoint", () => {
  const FOLDED_MS = 20_000;

  test.each(IN_PLACE)(
    "on %s fails without harm or goes through, and goes through once all is well",
    async (_, kind) => {
      const disk = FaultyDisk.make("*/dwbase.db");
      const dir = join(scratch(), "data");
      const node = await TestNode.start({ dir, env: disk.env });
      const folded = () => statSync(join(dir, "dwbase.db-wal")).size === 0;
      const ids = [await node.remember(atomOf("before"))];
      await until("the log is folded", FOLDED_MS, folded);
      disk.set(kind.fault);
      for (let n = 0; n < 5; n++) ids.push(await node.remember(atomOf(`folded later ${n}`)));
      await until("it is tried", FOLDED_MS, () => folded() || disk.get("made") > 0);
      expect(await idsOf(node)).toEqual(ids);
      disk.mend();
      await until("the log is folded", FOLDED_MS, folded);
      await until(
        "health is well",
        FOLDED_MS,
        async () => (await node.get("/health")).body.status === "ready",
      );
      ids.push(await node.remember(atomOf("after")));
      await node.kill();
      disk.close();
      const again = await TestNode.start({ dir });
      expect(await idsOf(again)).toEqual(ids);
      await again.stop();
      await deepCheck(dir);
    },
  );
});

suite("a migration", () => {
  test.each(CASES)("on %s refuses to start or goes through, and loses nothing", async (_, kind) => {
    const { worlds, atoms } = await Bun.file(join(STORES, "schema-1.json")).json();
    const files = ["*/dwbase.db", "*/dwbase.db-wal", "*before-migration*"];
    for (const paths of isOfClock(kind) ? ["*"] : files) {
      const disk = FaultyDisk.make(paths);
      disk.set(kind.fault);
      const dir = oldStore();
      const refused = await TestNode.start({ dir, env: disk.env }).then(
        (node) => node.stop().then(() => ""),
        (error: Error) => error.message,
      );
      if (isOfClock(kind)) expect(refused).toBe("");
      if (refused !== "") expect(refused).toMatch(/ended with [17]: .*(disk|database)/s);
      disk.close();
      const again = await TestNode.start({ dir });
      const found: StoredAtom[] = [];
      for (const { name } of worlds) found.push(...(await again.replay(name)));
      expect(found).toEqual(atoms);
      await again.stop();
      await deepCheck(dir);
    }
  });
});

suite("a snapshot of the vector index", () => {
  const ATOMS = 400;
  const indexed = { DWBASE_NODE_INDEX_ANN_THRESHOLD: "200" };

  describe.each(CASES)("on %s", (_, kind) => {
    test("leaves the answers what they were, and no half of a file", async () => {
      const dice = new Dice(3);
      const disk = FaultyDisk.make("*/index/*");
      const dir = join(scratch(), "data");
      if (!isOfClock(kind)) disk.set(kind.fault);
      const node = await TestNode.start({ dir, env: { ...disk.env, ...indexed } });
      const atoms = Array.from({ length: ATOMS }, () => atomOf(sentence(dice, 8)));
      expect((await node.post("/remember/batch", { atoms })).body.errors).toEqual([]);
      disk.set(kind.fault);
      const question = { world: "home", text: sentence(dice, 5) };
      const ask = async (from: TestNode) => (await from.post("/ask", question)).body;
      const expected = (await ask(node)).supporting_atoms.map(({ id }: StoredAtom) => id);
      await until("the build has ended one way or the other", 20_000, async () => {
        await ask(node);
        const [world] = (await node.get("/index/status")).body;
        return !world.rebuilding && (disk.get("made") > 0 || world.mode === "ann");
      });
      expect((await ask(node)).supporting_atoms.map(({ id }: StoredAtom) => id)).toEqual(expected);
      await node.kill();
      disk.close();
      const again = await TestNode.start({ dir, env: indexed });
      expect((await ask(again)).supporting_atoms.map(({ id }: StoredAtom) => id)).toEqual(expected);
      await until("the graph serves", 20_000, async () => (await ask(again)).mode === "ann");
      await again.stop();
      expect(readdirSync(join(dir, "index")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
      await deepCheck(dir);
    });
  });
});

suite("a directory that cannot be migrated for want of space", () => {
  test("is left as it is, exit 7", async () => {
    const disk = FaultyDisk.make("*before-migration*");
    disk.set({ writeErrno: ENOSPC });
    const dir = oldStore();
    const { code, err } = await run(["serve", "--listen", "127.0.0.1:0", "--data-dir", dir], {
      env: disk.env,
    });
    expect([code, err]).toEqual([7, expect.stringContaining("disk is full")]);
    expect(readdirSync(dir).filter((name) => name.includes("migration"))).toEqual([]);
    disk.close();
  });
});

/** A stopped node's directory with some memories. */
async function storeOf(text: string, count: number): Promise<string> {
  const node = await TestNode.start();
  const atoms = Array.from({ length: count }, (_, n) => atomOf(`${text} ${n}`));
  expect((await node.post("/remember/batch", { atoms })).body.errors).toEqual([]);
  await node.stop();
  return node.dir;
}

const OPEN = { DWBASE_BACKUP_REQUIRE_MOUNT: "false" };

suite("a backup and its rotation", () => {
  test.each(CASES)("on %s leave good archives alone, and as many as are to be kept", async (_, kind) => {
    const dir = await storeOf("a memory", 200);
    const target = scratch();
    const backup = (env: Record<string, string> = {}) =>
      run(["backup", target, "--data-dir", dir, "--keep", "2"], { env: { ...OPEN, ...env } });
    for (let n = 0; n < 2; n++) expect((await backup()).code).toBe(0);
    const good = readdirSync(target).sort();
    const disk = FaultyDisk.make(`${target}/*`);
    disk.set(kind.fault);
    const { code, err } = await backup(disk.env);
    expect([code, isOfClock(kind) || disk.get("made") > 0]).toEqual([kind.exit, true]);
    const left = readdirSync(target).sort();
    if (code === 0) {
      // the one just made stays, whatever its clock said
      expect([left.length, left.filter((name) => !good.includes(name)).length]).toEqual([2, 1]);
    } else {
      expect(err).toMatch(/^dwbase: .+\n$/);
      expect(left).toEqual(good);
    }
    for (const name of left) expect((await run(["backup", "verify", join(target, name)])).code).toBe(0);
    disk.close();
    expect((await backup()).code).toBe(0);
    expect(readdirSync(target).length).toBe(2);
  });
});

suite("a restore", () => {
  let archive = "";
  let fresh: string[] = [];

  test.each(CASES)("on %s leaves the old store or the new one", async (_, kind) => {
    if (archive === "") {
      const dir = await storeOf("new", 200);
      archive = join(scratch(), "new.tzst");
      expect((await run(["backup", "create", "--data-dir", dir, "--out", archive])).code).toBe(0);
      fresh = await textsOf(dir);
    }
    const dir = await storeOf("old", 10);
    const old = await textsOf(dir);
    const disk = FaultyDisk.make(`${dir}/*`);
    disk.set(kind.fault);
    const args = ["backup", "restore", "--input", archive, "--data-dir", dir, "--force"];
    const { code, err } = await run(args, { env: disk.env });
    expect([code, isOfClock(kind) || disk.get("made") > 0]).toEqual([kind.exit, true]);
    if (code !== 0) expect(err).toMatch(/^dwbase: .+\n$/);
    disk.close();
    const found = await textsOf(dir);
    expect(code === 0 ? [fresh] : [old, fresh]).toContainEqual(found);
    expect(existsSync(join(dir, "restoring"))).toBe(false);
    await deepCheck(dir);
  });
});
