/** Backups and restores by the built executable on drives and other mounts, which go away or have no room. */
import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { Dice, sentence } from "../../src/load/mod.ts";
import {
  atomOf,
  BIN,
  cleanEnv,
  deepCheck,
  filesUnder,
  hashFiles,
  run,
  scratch,
  suite,
  TestNode,
  until,
} from "./harness.ts";
import { fill, storeOf, textsOf } from "./stores.ts";
import { mayMount, mount, unmount } from "./volumes.ts";

const ROOT = mayMount();
const mounted = ROOT ? test : test.skip;
const volumes = ROOT ? "volumes" : "volumes (skipped: mounting needs root)";

const KNOWN = readFileSync("/proc/filesystems", "utf8");
const loop =
  (...type: string[]) =>
  (image: string, dir: string) =>
    mount(...type, "-o", "loop", image, dir);

/** Drives without owners, modes and links. Where the kernel does not know them a program of user space does. */
const DRIVES = [
  {
    name: "FAT",
    ...(KNOWN.includes("vfat")
      ? { tools: ["mkfs.vfat"], whole: true, attach: loop() }
      : // it cannot make a file longer as SQLite asks for it, so nothing is restored on it
        { tools: ["mkfs.vfat", "fusefat"], whole: false, attach: attachFat }),
    format: ["mkfs.vfat"],
  },
  {
    name: "exFAT",
    ...(KNOWN.includes("exfat")
      ? { tools: ["mkfs.exfat"], attach: loop() }
      : { tools: ["mkfs.exfat", "mount.exfat-fuse"], attach: loop("-t", "exfat-fuse") }),
    whole: true,
    format: ["mkfs.exfat"],
  },
];

function attachFat(image: string, dir: string): void {
  const { success, stderr } = Bun.spawnSync(["fusefat", "-o", "rw+", image, dir], { stdout: "ignore" });
  if (!success) throw new Error(stderr.toString());
}

/** Runs `body` with a file system mounted at a new directory. */
async function withMount(args: string[], body: (dir: string) => Promise<void>): Promise<void> {
  const dir = scratch();
  mount(...args, dir);
  try {
    await body(dir);
  } finally {
    unmount(dir);
  }
}

suite(volumes, () => {
  const tmpfs = (size: string): string[] => ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs"];

  mounted("a target must be a mount, unless any directory will do", async () => {
    const dir = await storeOf(20);
    await withMount(tmpfs("32m"), async (usb) => {
      expect(await run(["backup", usb, "--data-dir", dir, "--keep", "2"])).toMatchObject({ code: 0 });
      mkdirSync(join(usb, "below"));
      const below = await run(["backup", join(usb, "below"), "--data-dir", dir]);
      expect([below.code, below.err]).toEqual([1, expect.stringContaining("nothing is mounted at")]);
      expect((await run(["backup", join(usb, "below"), "--data-dir", dir, "--unmounted"])).code).toBe(0);
    });
    // as the sandbox of a service lays a writable directory over itself
    const plain = scratch();
    mount("--bind", plain, plain);
    expect((await run(["backup", plain, "--data-dir", dir])).code).toBe(1);
    unmount(plain);
    expect((await run(["backup", "/nonexistent/usb", "--data-dir", dir])).code).toBe(3);
  });

  mounted(
    "a drive that is unplugged in the middle: an error, the last good backup, no stray file",
    async () => {
      const dir = await storeOf(5000);
      const image = join(scratch(), "drive.img");
      Bun.spawnSync(["truncate", "-s", "256M", image]);
      expect(Bun.spawnSync(["mkfs.ext4", "-q", image]).exitCode).toBe(0);
      let name = "";
      await withMount(["-o", "loop", image], async (usb) => {
        expect((await run(["backup", usb, "--data-dir", dir])).code).toBe(0);
        [name] = readdirSync(usb).filter((one) => one.endsWith(".tzst")) as [string];
      });
      const bare = scratch();
      mount("-o", "loop", image, bare);
      const child = Bun.spawn([BIN, "backup", bare, "--data-dir", dir], {
        env: cleanEnv(),
        stdout: "pipe",
        stderr: "pipe",
      });
      await until("it is at work", 20_000, () => readdirSync(bare).some((one) => one.startsWith(".dwbase")));
      unmount(bare);
      expect(await child.exited).toBe(1);
      expect(await child.stderr.text()).toMatch(/^dwbase: .+\n$/);
      expect(readdirSync(bare)).toEqual([]);
      await until("the drive is free", 20_000, () => !readFileSync("/proc/mounts", "utf8").includes(bare));
      await withMount(["-o", "loop", image], async (usb) => {
        expect((await run(["backup", "verify", join(usb, name)])).code).toBe(0);
        expect((await run(["backup", usb, "--data-dir", dir, "--keep", "1"])).code).toBe(0);
        expect(readdirSync(usb).sort()).toEqual([expect.stringMatching(/^dwbase-.*\.tzst$/), "lost+found"]);
      });
    },
  );

  mounted("a target without room: exit 7, the last good backup, no stray file", async () => {
    const dir = await storeOf(3000);
    await withMount(tmpfs("12m"), async (usb) => {
      expect((await run(["backup", usb, "--data-dir", dir, "--keep", "5"])).code).toBe(0);
      const good = readdirSync(usb);
      let full = await run(["backup", usb, "--data-dir", dir, "--keep", "50"]);
      for (let n = 0; full.code === 0 && n < 50; n++)
        full = await run(["backup", usb, "--data-dir", dir, "--keep", "50"]);
      expect([full.code, full.err]).toEqual([7, expect.stringContaining("make room")]);
      const left = readdirSync(usb);
      expect(left).toEqual(expect.arrayContaining(good));
      for (const name of left) expect((await run(["backup", "verify", join(usb, name)])).code).toBe(0);
    });
  });

  mounted("a node on a full disk is backed up to another volume", async () => {
    await withMount(tmpfs("32m"), async (volume) => {
      const node = await TestNode.start({ dir: join(volume, "data") });
      await fill(node, 1000);
      Bun.spawnSync(["dd", "if=/dev/zero", `of=${join(volume, "rest")}`, "bs=64k"], { stderr: "ignore" });
      await until("nothing can be remembered", 20_000, async () => {
        return (await node.post("/remember", atomOf(sentence(new Dice(1), 200)))).status === 507;
      });
      await until("no byte is free", 20_000, () => {
        Bun.spawnSync(["dd", "if=/dev/zero", `of=${join(volume, "more")}`, "bs=4k"], { stderr: "ignore" });
        return statfsSync(volume).bavail === 0;
      });
      const out = join(scratch(), "a.tzst");
      expect(await run(["backup", "create", "--data-dir", node.dir, "--out", out])).toMatchObject({
        code: 0,
      });
      expect(JSON.parse((await run(["backup", "drill", "--json", out])).out)).toMatchObject({ clean: true });
      rmSync(join(volume, "rest"));
      rmSync(join(volume, "more"), { force: true });
      await until("it remembers again", 60_000, async () => {
        return (await node.post("/remember", atomOf("again"))).status === 200;
      });
      await node.stop();
      await deepCheck(node.dir);
    });
  });

  describe.each(DRIVES)("a drive of $name", ({ tools, whole, format, attach }) => {
    const missing = tools.filter((tool) => Bun.which(tool) === null);
    const here = ROOT && missing.length === 0 ? test : test.skip;
    const title = "takes backups, removes the oldest, and gives them back";

    here(missing.length === 0 ? title : `${title} (skipped: no ${missing.join(", ")})`, async () => {
      const dir = await storeOf(200);
      const [image, usb] = [join(scratch(), "drive.img"), scratch()];
      Bun.spawnSync(["truncate", "-s", "64M", image]);
      expect(Bun.spawnSync([...format, image]).exitCode).toBe(0);
      attach(image, usb);
      try {
        for (let n = 0; n < 2; n++)
          expect(await run(["backup", usb, "--data-dir", dir, "--keep", "1"])).toMatchObject({ code: 0 });
        const names = readdirSync(usb);
        expect(names).toEqual([expect.stringMatching(/^dwbase-.*\.tzst$/)]);
        const archive = join(usb, names[0]!);
        expect((await run(["backup", "verify", archive])).code).toBe(0);
        const drill = whole ? [] : ["--dir", scratch()];
        expect(await run(["backup", "drill", archive, ...drill])).toMatchObject({ code: 0 });
        const copy = join(scratch(), "copy");
        expect((await run(["backup", "restore", "--input", archive, "--data-dir", copy])).code).toBe(0);
        expect(await textsOf(copy)).toEqual(await textsOf(dir));
      } finally {
        unmount(usb);
      }
    });
  });

  mounted("a data directory that is a mount point, or a link to one, takes a restore", async () => {
    const dir = await storeOf(200);
    const archive = join(scratch(), "a.tzst");
    expect((await run(["backup", "create", "--data-dir", dir, "--out", archive])).code).toBe(0);
    await withMount(tmpfs("64m"), async (volume) => {
      const args = ["backup", "restore", "--input", archive, "--data-dir", volume];
      expect(await run(args)).toMatchObject({ code: 0 });
      expect(await textsOf(volume)).toEqual(await textsOf(dir));
      expect(await run([...args, "--force"])).toMatchObject({ code: 0 });
      expect(await textsOf(volume)).toEqual(await textsOf(dir));
      // as systemd lays out the StateDirectory of a DynamicUser
      const link = join(scratch(), "dwbase");
      Bun.spawnSync(["ln", "-s", volume, link]);
      expect(
        await run(["backup", "restore", "--input", archive, "--data-dir", link, "--force"]),
      ).toMatchObject({
        code: 0,
      });
      await deepCheck(link);
    });
  });

  mounted("what root backs up and restores stays its owner's", async () => {
    const dir = await storeOf(50);
    const archive = join(scratch(), "a.tzst");
    Bun.spawnSync(["chown", "-R", "65534:65534", dir]);
    expect((await run(["backup", "create", "--data-dir", dir, "--out", archive])).code).toBe(0);
    const args = ["backup", "restore", "--input", archive, "--data-dir", dir, "--force"];
    expect(await run(args)).toMatchObject({ code: 0 });
    const owners = filesUnder(dir).map((path) => [path, statSync(path).uid]);
    expect(owners.filter(([, uid]) => uid !== 65534)).toEqual([]);
    expect(owners.map(([path]) => path)).toContain(join(dir, ".snapshot_metadata.json"));
  });

  mounted("a restore without room: exit 7, and the store stays as it is", async () => {
    const dir = await storeOf(3000);
    const archive = join(scratch(), "a.tzst");
    expect((await run(["backup", "create", "--data-dir", dir, "--out", archive])).code).toBe(0);
    await withMount(tmpfs("2m"), async (volume) => {
      copyFileSync(join(await storeOf(10, 3), "dwbase.db"), join(volume, "dwbase.db"));
      const before = hashFiles(volume);
      const full = await run(["backup", "restore", "--input", archive, "--data-dir", volume, "--force"]);
      expect([full.code, full.err]).toEqual([7, expect.stringContaining("make room")]);
      expect(hashFiles(volume)).toEqual(before);
    });
  });
});
