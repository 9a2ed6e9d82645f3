/** Restores by the built executable: killed at any moment, refused while a node is there, opened by others. */
import { expect, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { FaultyDisk } from "./faults.ts";
import { BIN, cleanEnv, deepCheck, FULL, figure, run, scratch, suite, TestNode, until } from "./harness.ts";
import { fill, storeOf, textsOf } from "./stores.ts";
import { mayMount, mount, unmount } from "./volumes.ts";

const ROOT = mayMount();

suite("a restore", () => {
  const ROUNDS = FULL ? 60 : 15;

  /** Where a store lies, in turns: a directory, a mount point, a link as of the StateDirectory of a DynamicUser. */
  function placeOf(round: number): string {
    const dir = scratch();
    if (ROOT && round % 3 === 1) mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", dir);
    if (round % 3 !== 2) return dir;
    const link = join(scratch(), "dwbase");
    symlinkSync(dir, link);
    return link;
  }

  test(`killed at ${ROUNDS} moments leaves the old store or the new one, also on a mount point`, async () => {
    const [old, fresh] = [await storeOf(300, 1), await storeOf(300, 2)];
    const archive = join(scratch(), "fresh.tzst");
    expect((await run(["backup", "create", "--data-dir", fresh, "--out", archive])).code).toBe(0);
    // a slow disk makes the swap long enough to be hit
    const disk = FaultyDisk.make("*");
    disk.set({ syncDelayMs: 60 });
    const begin = (dir: string) =>
      Bun.spawn([BIN, "backup", "restore", "--input", archive, "--data-dir", dir, "--force"], {
        env: cleanEnv(disk.env),
        stdout: "ignore",
        stderr: "ignore",
      });
    const copyOfOld = (round = 0): string => {
      const dir = placeOf(round);
      copyFileSync(join(old, "dwbase.db"), join(dir, "dwbase.db"));
      return dir;
    };
    const began = performance.now();
    expect(await begin(copyOfOld()).exited).toBe(0);
    const whole = performance.now() - began;
    const [texts, newTexts] = [await textsOf(old), await textsOf(fresh)];
    let renewed = 0;
    let amid = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const dir = copyOfOld(round);
      try {
        const child = begin(dir);
        // more often in the second half, where the swap is
        await Bun.sleep(whole * (round % 4 === 0 ? 0.5 : 0.5 + (0.6 * round) / ROUNDS));
        child.kill("SIGKILL");
        await child.exited;
        if (!existsSync(join(dir, "dwbase.db")) || existsSync(join(dir, "dwbase.db.new"))) amid += 1;
        const found = await textsOf(dir);
        expect([texts, newTexts]).toContainEqual(found);
        if (Bun.deepEquals(found, newTexts)) renewed += 1;
        expect(existsSync(join(dir, "restoring"))).toBe(false);
        await deepCheck(dir);
      } finally {
        unmount(dir);
      }
    }
    disk.close();
    figure(
      `restore killed at ${ROUNDS} moments, ${amid} of them within the swap: ${ROUNDS - renewed} times the old store, ${renewed} times the new one`,
    );
  });

  test("is refused while a node serves the directory, which stays as it is", async () => {
    const node = await TestNode.start();
    await fill(node, 20);
    const archive = join(scratch(), "a.tzst");
    expect((await run(["backup", "create", "--data-dir", node.dir, "--out", archive])).code).toBe(0);
    const args = ["backup", "restore", "--input", archive, "--data-dir", node.dir, "--force"];
    expect(await run(args)).toMatchObject({ code: 1, err: expect.stringContaining("another dwbase uses") });
    expect((await node.replay("home")).length).toBe(20);
    await node.stop();
    expect(await run(args)).toMatchObject({ code: 0 });
    const again = await TestNode.start({ dir: node.dir });
    expect((await again.replay("home")).length).toBe(20);
    // the first forget takes what was replaced along, within its time
    expect(existsSync(join(node.dir, "dwbase.db.old"))).toBe(true);
    const [first] = await again.replay("home");
    expect((await again.send("DELETE", `/atoms/${first!.id}`)).status).toBeLessThan(300);
    await until("the replaced store is gone", 60_000, () => !existsSync(join(node.dir, "dwbase.db.old")));
    await again.stop();
    await deepCheck(node.dir);
  });

  test("GNU tar and zstd open an archive, and what they unpack is the store", async () => {
    if (Bun.which("zstd") === null) return console.log("skipped: there is no zstd here");
    const dir = await storeOf(30);
    const archive = join(scratch(), "a.tzst");
    expect((await run(["backup", "create", "--data-dir", dir, "--out", archive])).code).toBe(0);
    expect(Bun.spawnSync(["zstd", "-t", archive]).exitCode).toBe(0);
    const out = scratch();
    expect(Bun.spawnSync(["tar", "--zstd", "-xf", archive, "-C", out]).exitCode).toBe(0);
    expect(readdirSync(out).sort()).toEqual(["data", "metadata.json"]);
    await deepCheck(join(out, "data"));
  });
});
