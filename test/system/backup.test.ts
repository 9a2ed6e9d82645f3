/** Backups of a living node, restores that are killed, targets that go away: with the built executable. */
import { describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { Dice, sentence } from "../../src/load/mod.ts";
import { FaultyDisk } from "./faults.ts";
import {
  atomOf,
  BIN,
  cleanEnv,
  deepCheck,
  FULL,
  figure,
  filesUnder,
  hashFiles,
  quantile,
  run,
  scratch,
  suite,
  TestNode,
  until,
} from "./harness.ts";
import { mayMount, mount, unmount } from "./volumes.ts";

const ATOMS = FULL ? 100_000 : 10_000;
/** What the product promises of a backup under load, and the multiple that a loaded build machine may take. */
const SLOWER = 2;
const ANON_MB = 40;
const LOADED = FULL ? 1 : 4;
const OPEN = { DWBASE_BACKUP_REQUIRE_MOUNT: "false" };

const ROOT = mayMount();

/** Remembers made-up atoms of one world. */
async function fill(node: TestNode, count: number, seed = 1): Promise<void> {
  const dice = new Dice(seed);
  for (let left = count; left > 0; left -= 1000) {
    const atoms = Array.from({ length: Math.min(left, 1000) }, () => atomOf(sentence(dice, 14)));
    expect((await node.post("/remember/batch", { atoms })).body.errors).toEqual([]);
  }
}

/** A stopped node's directory with some memories. */
async function storeOf(count: number, seed = 1): Promise<string> {
  const node = await TestNode.start();
  await fill(node, count, seed);
  await node.stop();
  return node.dir;
}

async function textsOf(dir: string): Promise<string[]> {
  const node = await TestNode.start({ dir });
  const atoms = await node.replay("home");
  await node.stop();
  return atoms.map(({ id, payload_json: payload }) => `${id} ${payload}`);
}

/** Ids and scores of the answers to some questions. */
async function answersOf(node: TestNode): Promise<unknown[]> {
  const dice = new Dice(99);
  const answers: unknown[] = [];
  for (let n = 0; n < 20; n++) {
    const { body } = await node.post("/ask", { world: "home", text: sentence(dice, 5) });
    answers.push(body.supporting_atoms.map(({ id }: { id: string }) => id));
  }
  return answers;
}

/** kB of a field of /proc/<pid>/status, in MB; 0 when the process is gone. */
function memoryOf(pid: number | string, field: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** PIDs of a process and everything that it started. */
function family(root: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => [Number(pid), parentOf(pid)] as const);
  const found = [root];
  for (const pid of found)
    found.push(...parents.filter(([, parent]) => parent === pid).map(([child]) => child));
  return found;
}

function parentOf(pid: string): number {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Asks and remembers one after the other, timing each, until told to stop. */
async function load(
  node: TestNode,
  times: Record<"ask" | "remember", number[]>,
  go: { on: boolean },
): Promise<void> {
  const dice = new Dice(7);
  while (go.on) {
    for (const [kind, path, body] of [
      ["ask", "/ask", { world: "home", text: sentence(dice, 5) }],
      ["remember", "/remember", atomOf(sentence(dice, 14))],
    ] as const) {
      const began = performance.now();
      expect((await node.post(path, body)).status).toBe(200);
      times[kind].push(performance.now() - began);
      await Bun.sleep(2);
    }
  }
}

/** Runs `work` while asks and remembers are timed. */
async function loaded(
  node: TestNode,
  times: Record<"ask" | "remember", number[]>,
  work: () => Promise<unknown>,
): Promise<void> {
  const go = { on: true };
  const loading = load(node, times, go);
  await work();
  go.on = false;
  await loading;
}

/** Takes a backup. @returns anonymous memory of the node and all processes of the backup at its peak, MB */
async function backupBeside(node: TestNode, out: string): Promise<number> {
  let peak = 0;
  const child = Bun.spawn([BIN, "backup", "create", "--data-dir", node.dir, "--out", out], {
    env: cleanEnv(),
    stdout: "ignore",
    stderr: "pipe",
  });
  const watch = setInterval(() => {
    const all = [node.pid, ...family(child.pid)].map((pid) => memoryOf(pid, "RssAnon"));
    peak = Math.max(
      peak,
      all.reduce((sum, mb) => sum + mb, 0),
    );
  }, 20);
  expect([await child.exited, await child.stderr.text()]).toEqual([0, ""]);
  clearInterval(watch);
  return peak;
}

const timings = (): Record<"ask" | "remember", number[]> => ({ ask: [], remember: [] });

suite("a backup of a node at work", () => {
  const ROUNDS = 4;

  test(
    `of ${ATOMS} atoms slows asks and remembers little and takes little memory; its copy gives the same answers`,
    async () => {
      const node = await TestNode.start();
      await fill(node, ATOMS);
      await node.get("/index/status");
      const [without, during] = [timings(), timings()];
      const out = join(scratch(), "a.tzst");
      let anon = 0;
      let peak = 0;
      let ms = 0;
      // in turns, since a build machine is now quiet, now busy
      for (let round = 0; round < ROUNDS; round++) {
        await loaded(node, without, () => Bun.sleep(3000));
        anon = Math.max(anon, memoryOf(node.pid, "RssAnon"));
        const began = performance.now();
        await loaded(node, during, async () => {
          peak = Math.max(peak, await backupBeside(node, out));
        });
        ms += (performance.now() - began) / ROUNDS;
      }
      const p95 = (times: number[]): number => quantile(times, 0.95);
      const slower = {
        ask: p95(during.ask) / p95(without.ask),
        remember: p95(during.remember) / p95(without.remember),
      };
      figure(
        `backup of ${ATOMS} atoms at work: ${ms.toFixed(0)} ms, ${(statSync(out).size / 2 ** 20).toFixed(1)} MB; p95 of ask ${p95(without.ask).toFixed(1)} → ${p95(during.ask).toFixed(1)} ms (${slower.ask.toFixed(2)}×), of remember ${p95(without.remember).toFixed(2)} → ${p95(during.remember).toFixed(2)} ms (${slower.remember.toFixed(2)}×; ${SLOWER}× promised); anonymous memory of node and children ${anon.toFixed(0)} → ${peak.toFixed(0)} MB (+${ANON_MB} promised)`,
      );
      expect(peak - anon).toBeLessThan(ANON_MB);
      for (const times of Object.values(slower)) expect(times).toBeLessThan(SLOWER * LOADED);
      // the same moment, twice: the last backup and the node as it is when nothing is written
      const still = join(scratch(), "still.tzst");
      expect((await run(["backup", "create", "--data-dir", node.dir, "--out", still])).code).toBe(0);
      const expected = await answersOf(node);
      const copyDir = join(scratch(), "copy");
      expect(await run(["backup", "restore", "--input", still, "--data-dir", copyDir])).toMatchObject({
        code: 0,
      });
      await deepCheck(copyDir);
      const copy = await TestNode.start({ dir: copyDir });
      expect(await answersOf(copy)).toEqual(expected);
      await copy.stop();
      await node.stop();
      await deepCheck(node.dir);
    },
    FULL ? 600_000 : 120_000,
  );

  test("gives way to the node when its log grows too far: exit 7, and no write is refused", async () => {
    const node = await TestNode.start();
    await fill(node, 2000);
    const go = { on: true };
    const writing = (async () => {
      while (go.on) await fill(node, 500);
    })();
    await until(
      "the log is long",
      20_000,
      () => statSync(join(node.dir, "dwbase.db-wal")).size > 2.5 * 2 ** 20,
    );
    const out = join(scratch(), "a.tzst");
    // of a disk budget of 8 MB a quarter
    const { code, err } = await run(["backup", "create", "--data-dir", node.dir, "--out", out], {
      env: { DWBASE_NODE_LIMITS_MAX_DISK_MB: "8" },
    });
    go.on = false;
    await writing;
    expect([code, err]).toEqual([7, expect.stringContaining("gave way to the node")]);
    expect(existsSync(out)).toBe(false);
    await node.stop();
    await deepCheck(node.dir);
  });

  test("needs neither the node nor its key, and says of the index what it can", async () => {
    const dir = await storeOf(50);
    const out = join(scratch(), "a.tzst");
    const create = (...more: string[]) =>
      run(["backup", "create", "--data-dir", dir, "--out", out, "--json", ...more]);
    const down = await create("--api", "http://127.0.0.1:9");
    expect([down.code, JSON.parse(down.out).metadata.index]).toEqual([0, []]);
    const closed = await TestNode.start({ dir, env: { DWBASE_NODE_SECURITY_ALLOW_ANONYMOUS: "never" } });
    const refused = await create("--api", closed.url, "--key", "wrong");
    expect([refused.code, JSON.parse(refused.out).metadata.index]).toEqual([0, []]);
    const known = await create("--api", closed.url);
    expect(JSON.parse(known.out).metadata.index).toMatchObject([{ world: "home", indexed: 50 }]);
    await closed.stop();
    expect(readdirSync(dir)).not.toContain("dwbase.db-journal");
    await deepCheck(dir);
  });

  test("goes through a pipe, and a pipe that breaks is no backup", async () => {
    const dir = await storeOf(2000);
    const [whole, cut] = [join(scratch(), "whole.tzst"), join(scratch(), "cut.tzst")];
    const shell = (command: string) =>
      Bun.spawnSync(["bash", "-o", "pipefail", "-c", command], { env: cleanEnv({ BIN, DIR: dir }) });
    const create = '"$BIN" backup create --data-dir "$DIR" --out -';
    expect(shell(`${create} | cat > ${whole}`).exitCode).toBe(0);
    expect((await run(["backup", "verify", whole])).code).toBe(0);
    const broken = shell(`${create} | head -c 1000 > ${cut}; exit \${PIPESTATUS[0]}`);
    expect([broken.exitCode, broken.stderr.toString()]).toEqual([1, expect.stringContaining("went away")]);
    expect((await run(["backup", "verify", cut])).code).toBe(6);
    expect(readdirSync(dir).filter((name) => name.startsWith(".dwbase"))).toEqual([]);
  });

  test("that is stopped or killed leaves no archive, and the next one clears what was left", async () => {
    const dir = await storeOf(5000);
    const target = scratch();
    const begin = () =>
      Bun.spawn([BIN, "backup", target, "--data-dir", dir], {
        env: cleanEnv(OPEN),
        stdout: "ignore",
        stderr: "ignore",
      });
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGKILL", null],
    ] as const) {
      const child = begin();
      await until("it is at work", 20_000, () =>
        readdirSync(target).some((name) => name.startsWith(".dwbase")),
      );
      const started = family(child.pid);
      child.kill(signal);
      await child.exited;
      expect(child.exitCode).toBe(code);
      await until("its children are gone too", 5000, () =>
        started.every((pid) => memoryOf(pid, "VmRSS") === 0),
      );
      expect(readdirSync(target).filter((name) => name.endsWith(".tzst"))).toEqual([]);
      if (signal === "SIGINT") expect(readdirSync(target)).toEqual([]);
    }
    expect((await run(["backup", target, "--data-dir", dir], { env: OPEN })).code).toBe(0);
    expect(readdirSync(target)).toEqual([expect.stringMatching(/^dwbase-[0-9a-f]{8}-\d{8}T\d{6}Z\.tzst$/)]);
    await deepCheck(dir);
  });
});

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
      const dir = await storeOf(ATOMS / 2);
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
