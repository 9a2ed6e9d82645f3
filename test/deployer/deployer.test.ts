import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "../../src/base/mod.ts";
import {
  clean,
  endProcesses,
  type Identity,
  identify,
  isRunning,
  type NodeRecord,
  type Place,
  prune,
  readState,
  record,
  startDevnet,
  startLocal,
  stateFile,
  status,
  stopAll,
} from "../../src/deployer/mod.ts";

let place: Place;
let said: string[];
let started: { stop(): Promise<void> }[];

const say = (text: string) => {
  said.push(text);
};

beforeEach(() => {
  const cwd = mkdtempSync(join(tmpdir(), "dwbase-deploy-"));
  const self = [process.execPath, join(import.meta.dir, "fake-serve.ts")];
  place = { root: join(cwd, "root"), cwd, env: { PATH: process.env.PATH }, self };
  said = [];
  started = [];
});
afterEach(async () => {
  for (const nodes of started) await nodes.stop();
  rmSync(place.cwd, { recursive: true, force: true });
});

/** The first of `count` ports that are free one after another. */
function freePorts(count: number): number {
  for (let tries = 0; tries < 100; tries++) {
    const base = 20_000 + Math.floor(Math.random() * 10_000);
    const probes: { stop(): void }[] = [];
    try {
      for (let i = 0; i < count; i++) {
        probes.push(Bun.listen({ hostname: "127.0.0.1", port: base + i, socket: { data() {} } }));
      }
      return base;
    } catch {
      // One of them is taken: try elsewhere.
    } finally {
      for (const probe of probes) probe.stop();
    }
  }
  throw new Error("no free ports");
}

async function devnet(nodes: number, basePort = freePorts(nodes)) {
  const supervisor = await startDevnet(place, { nodes, basePort, say });
  started.push(supervisor);
  return { supervisor, basePort };
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    () => new Error("it went well"),
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(Fault);
  return error;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(10);
}

function sleeper() {
  const child = Bun.spawn(["sleep", "60"]);
  return { child, identity: identify(child.pid)! };
}

test("a process is known by PID, start time and executable", async () => {
  const { child, identity } = sleeper();
  expect(isRunning(identity)).toBe(true);
  expect(isRunning({ ...identity, start: "1" })).toBe(false);
  expect(isRunning({ ...identity, executable: "/bin/other" })).toBe(false);
  await endProcesses([{ ...identity, start: "1" }], 100);
  expect(child.exitCode).toBeNull();
  expect(await endProcesses([identity], 5000)).toEqual([]);
  expect(isRunning(identity)).toBe(false);
  expect(identify(identity.pid)).toBeUndefined();
});

test("a process that does not end is killed after its grace", async () => {
  const child = Bun.spawn(["sh", "-c", 'trap "" TERM; echo up; while :; do sleep 0.05; done'], {
    stdout: "pipe",
  });
  for await (const _ of child.stdout) break;
  const identity = identify(child.pid)!;
  expect(await endProcesses([identity], 100)).toEqual([child.pid]);
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
});

test("the state file keeps what runs and loses what is dead", async () => {
  const { child, identity } = sleeper();
  const node = (id: string, process: Identity): NodeRecord => {
    return { id, ...process, port: 1, listen: "127.0.0.1:1", data_dir: "d", config: "c", log: "l" };
  };
  record(place.root, "devnet", [node("node-1", identity), node("node-2", { ...identity, pid: 2 ** 22 + 1 })]);
  expect(readState(place.root, "devnet").map(({ id }) => id)).toEqual(["node-1", "node-2"]);
  expect(prune(place.root, "devnet").map(({ id }) => id)).toEqual(["node-1"]);
  expect(readState(place.root, "devnet")).toHaveLength(1);
  child.kill();
  await child.exited;
  expect(prune(place.root, "devnet")).toEqual([]);
  expect(existsSync(stateFile(place.root, "devnet"))).toBe(false);
});

test("a damaged state file is named", () => {
  mkdirSync(join(place.root, "devnet"), { recursive: true });
  for (const text of ["{", "{}", '{"nodes":[{"id":1}]}']) {
    writeFileSync(stateFile(place.root, "devnet"), text);
    expect(() => readState(place.root, "devnet")).toThrow("state.json is damaged");
  }
});

test("a devnet: each node with port, data, config and log of its own, all answering", async () => {
  const { supervisor, basePort } = await devnet(2);
  const [one, two] = supervisor.records as [NodeRecord, NodeRecord];
  expect([one.id, one.port, two.id, two.port]).toEqual(["node-1", basePort, "node-2", basePort + 1]);
  expect(one.data_dir).toBe(join(place.root, "devnet/node-1/data"));
  const config = readFileSync(two.config, "utf8");
  expect(config).toContain(`listen = "127.0.0.1:${basePort + 1}"`);
  expect(config).toContain(`data_dir = "${two.data_dir}"`);
  expect(readFileSync(one.log, "utf8")).toContain("serving");
  expect((await status(place.root)).map(({ id, running, health }) => [id, running, health])).toEqual([
    ["node-1", true, "ready"],
    ["node-2", true, "ready"],
  ]);

  expect(() => clean(place.root)).toThrow("nodes still run: node-1");
  expect((await faultOf(startDevnet(place, { nodes: 1, basePort: 1, say }))).message).toContain(
    "already runs",
  );

  const finished = supervisor.wait();
  const { nodes, killed } = await stopAll(place.root);
  expect([nodes.length, killed]).toEqual([2, []]);
  expect(await finished).toBe(0);
  expect(await status(place.root)).toEqual([]);
  expect(clean(place.root)).toEqual([join(place.root, "devnet")]);
  expect(clean(place.root)).toEqual([]);
});

test("a template in the working directory is the base of the nodes' configuration", async () => {
  mkdirSync(join(place.cwd, "deploy"));
  const template = '[node]\nlisten = "127.0.0.1:1"\ndata_dir = "x"\nembedder = "none"\n';
  writeFileSync(join(place.cwd, "deploy/devnet.toml"), template);
  const { supervisor } = await devnet(1);
  expect(readFileSync(supervisor.records[0]!.config, "utf8")).toContain('embedder = "none"');
});

test("a taken port is one sentence that names what to change, and nothing is started", async () => {
  const basePort = freePorts(2);
  const other = Bun.listen({ hostname: "127.0.0.1", port: basePort + 1, socket: { data() {} } });
  try {
    const fault = await faultOf(startDevnet(place, { nodes: 2, basePort, say }));
    expect(fault.code).toBe("conflict");
    expect(fault.message).toBe(
      `127.0.0.1:${basePort + 1} is taken; change \`listen\` of what uses it, or choose another --base-port`,
    );
    expect(existsSync(place.root)).toBe(false);
  } finally {
    other.stop();
  }
});

test("when a node does not come up, its log is quoted and the others are ended", async () => {
  const basePort = freePorts(2);
  mkdirSync(join(place.root, "devnet/node-2/data"), { recursive: true });
  writeFileSync(join(place.root, "devnet/node-2/data/fail"), "");
  const { message } = await faultOf(startDevnet(place, { nodes: 2, basePort, say }));
  expect(message).toContain("node node-2 ended with code 6 while starting");
  expect(message).toContain("the data directory is damaged");
  expect(await status(place.root)).toEqual([]);
});

test("a node that asks for a restart gets one; one that ends otherwise stays down", async () => {
  const { supervisor, basePort } = await devnet(1);
  const before = supervisor.records[0]!.pid;
  const finished = supervisor.wait();
  await fetch(`http://127.0.0.1:${basePort}/restart`);
  await until(() => said.length > 0);
  const after = readState(place.root, "devnet")[0]!.pid;
  expect(after).not.toBe(before);
  expect(said[0]).toBe(`node node-1 asked for a restart and runs again as PID ${after}`);
  const up = () =>
    fetch(`http://127.0.0.1:${basePort}/exit`).then(
      () => true,
      () => false,
    );
  while (!(await up())) await Bun.sleep(10);
  expect(await finished).toBe(64);
  expect(readState(place.root, "devnet")).toEqual([]);
});

test("stopping a devnet ends those that it started", async () => {
  const { supervisor } = await devnet(2);
  const finished = supervisor.wait();
  await supervisor.stop();
  expect(await finished).toBe(0);
  expect(supervisor.records.some(isRunning)).toBe(false);
});

test("a local node: its configuration, data and log, one at a time", async () => {
  const port = freePorts(1);
  writeFileSync(join(place.cwd, "mine.toml"), `[node]\nlisten = "127.0.0.1:${port}"\ndata_dir = "data"\n`);
  const supervisor = await startLocal(place, { config: "mine.toml", detached: true, say });
  started.push(supervisor);
  expect(supervisor.records[0]).toMatchObject({
    id: "mine",
    port,
    data_dir: join(place.cwd, "data"),
    config: join(place.cwd, "mine.toml"),
    log: join(place.root, "local/mine.log"),
  });
  const again = await faultOf(startLocal(place, { config: "mine.toml", detached: true, say }));
  expect(again.message).toContain("node mine already runs as PID");
  expect((await stopAll(place.root)).nodes).toHaveLength(1);
});

test("the carried template stands in for an absent one, and a taken port names listen", async () => {
  const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  try {
    const env = { ...place.env, DWBASE_NODE_LISTEN: `127.0.0.1:${other.port}` };
    const fault = await faultOf(
      startLocal({ ...place, env }, { config: "deploy/local.toml", detached: false, say }),
    );
    expect(fault.message).toContain("is taken; change `listen` in deploy/local.toml");
    expect(said[0]).toContain("the template of that name inside dwbase is used");
  } finally {
    other.stop();
  }
});
