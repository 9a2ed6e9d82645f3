/** Trouble with the disk at steps other than a write: a migration, a snapshot of the vector index. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Dice, sentence } from "../../src/load/mod.ts";
import { EIO, ENOSPC, FaultyDisk } from "./faults.ts";
import { atomOf, deepCheck, run, type StoredAtom, scratch, suite, TestNode, until } from "./harness.ts";

const STORES = join(import.meta.dir, "../fixtures/stores");
const FAULTS = {
  "no space": { writeErrno: ENOSPC },
  "failing writes": { writeErrno: EIO },
  "failing fsyncs": { syncErrno: EIO },
  "one failed fsync": { syncErrno: EIO, failures: 1 },
  "short writes": { shortWrites: 100_000 },
  "failing renames": { renameErrno: EIO },
} as const;

/** A data directory of the first schema. */
function oldStore(): string {
  const dir = scratch();
  const args = ["-xzf", join(STORES, "schema-1.tar.gz"), "--strip-components=1", "-C", dir, "killed"];
  expect(Bun.spawnSync(["tar", ...args]).success).toBe(true);
  return dir;
}

suite("a migration", () => {
  test.each(Object.entries(FAULTS))(
    "on a disk with %s refuses to start or goes through, and loses nothing",
    async (_, fault) => {
      const { worlds, atoms } = await Bun.file(join(STORES, "schema-1.json")).json();
      for (const paths of ["*/dwbase.db", "*/dwbase.db-wal", "*before-migration*"]) {
        const disk = FaultyDisk.make(paths);
        disk.set(fault);
        const dir = oldStore();
        const refused = await TestNode.start({ dir, env: disk.env }).then(
          (node) => node.stop().then(() => ""),
          (error: Error) => error.message,
        );
        if (refused !== "") expect(refused).toMatch(/ended with [17]: .*(disk|database)/s);
        disk.close();
        const again = await TestNode.start({ dir });
        const found: StoredAtom[] = [];
        for (const { name } of worlds) found.push(...(await again.replay(name)));
        expect(found).toEqual(atoms);
        await again.stop();
        await deepCheck(dir);
      }
    },
  );
});

suite("a snapshot of the vector index", () => {
  const ATOMS = 400;
  const indexed = { DWBASE_NODE_INDEX_ANN_THRESHOLD: "200" };

  describe.each(Object.entries(FAULTS))("on a disk with %s", (_, fault) => {
    test("leaves the answers what they were, and no half of a file", async () => {
      const dice = new Dice(3);
      const disk = FaultyDisk.make("*/index/*");
      const dir = join(scratch(), "data");
      disk.set(fault);
      const node = await TestNode.start({ dir, env: { ...disk.env, ...indexed } });
      const atoms = Array.from({ length: ATOMS }, () => atomOf(sentence(dice, 8)));
      expect((await node.post("/remember/batch", { atoms })).body.errors).toEqual([]);
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
