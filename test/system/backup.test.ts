/** Backups of a living node by the built executable: what they cost, and what is left of one that is stopped. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Dice, sentence } from "../../src/load/mod.ts";
import {
  atomOf,
  BIN,
  cleanEnv,
  deepCheck,
  FULL,
  figure,
  quantile,
  run,
  scratch,
  suite,
  TestNode,
  until,
} from "./harness.ts";
import { fill, storeOf } from "./stores.ts";

const ATOMS = FULL ? 100_000 : 10_000;
/** What the product promises of a backup under load, and the multiple that a loaded build machine may take. */
const SLOWER = 2;
const ANON_MB = 40;
const LOADED = FULL ? 1 : 4;
const OPEN = { DWBASE_BACKUP_REQUIRE_MOUNT: "false" };

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
