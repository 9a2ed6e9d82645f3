import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { BIN, cleanEnv, deepCheck, figure, run, scratch, suite } from "./harness.ts";

const PORTS = { from: 24_000, to: 24_097 };

interface Listed {
  id: string;
  port: number;
  pid: number;
  data_dir: string;
  health?: string;
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** The first of three neighbouring free ports. */
async function basePort(): Promise<number> {
  for (let port = PORTS.from + Math.floor(Math.random() * 80); port <= PORTS.to; port++) {
    const taken = await Promise.all([port, port + 1, port + 2].map(isTaken));
    if (!taken.includes(true)) return port;
  }
  throw new Error(`no three free ports from ${PORTS.from} to ${PORTS.to + 2}`);
}

/** Whether a process runs; one that ended and waits for its parent does not. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

suite("a devnet, as the guide shows it", () => {
  let cwd = "";
  const dwbase = (...args: string[]) => run(args, { cwd });
  const listed = async (): Promise<Listed[]> => JSON.parse((await dwbase("deploy", "status", "--json")).out);

  function devnet(port: number) {
    return Bun.spawn([BIN, "deploy", "devnet", "--nodes", "3", "--base-port", String(port)], {
      cwd,
      env: cleanEnv(),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  }

  /** Reads until the path of the state file is printed, which is the last line. */
  async function table(child: ReturnType<typeof devnet>): Promise<string> {
    const reader = child.stdout.getReader();
    let text = "";
    while (!text.includes("state.json")) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`devnet ended: ${text}${await child.stderr.text()}`);
      text += new TextDecoder().decode(value);
    }
    return text;
  }

  beforeEach(() => {
    cwd = scratch();
  });
  afterEach(async () => {
    await dwbase("deploy", "stop");
  });

  test("three nodes remember for themselves; status, stop and clean", async () => {
    const port = await basePort();
    const child = devnet(port);
    const printed = await table(child);
    expect(printed).toContain(".dwbase/devnet/state.json");
    const nodes = await listed();
    expect(nodes.map((node) => node.port)).toEqual([port, port + 1, port + 2]);
    for (const node of nodes) {
      expect(printed).toContain(String(node.pid));
      expect(node.health).toContain("ready");
      const said = `node ${node.id} was here`;
      const api = ["--api", `http://127.0.0.1:${node.port}`];
      expect((await dwbase("remember", "home", said, ...api)).code).toBe(0);
      const { out } = await dwbase("ask", "home", "who was here", ...api);
      expect(out).toContain(said);
      for (const other of nodes) if (other !== node) expect(out).not.toContain(`node ${other.id} was`);
    }
    const early = await dwbase("deploy", "clean", "--yes");
    expect([early.code, early.err.trim().split("\n").length]).toEqual([1, 1]);
    expect(early.err).toContain("deploy stop");

    // a taken port is one sentence
    const taken = await run(["deploy", "devnet", "--nodes", "1", "--base-port", String(port)], {
      cwd: scratch(),
    });
    expect([taken.code, taken.err.trim().split("\n").length]).toEqual([1, 1]);
    expect(taken.err).toContain("--base-port");

    expect((await dwbase("deploy", "stop")).code).toBe(0);
    await child.exited;
    for (const { pid, data_dir } of nodes) {
      expect(runs(pid)).toBe(false);
      await deepCheck(data_dir);
    }
    expect(await listed()).toEqual([]);
    const dir = join(cwd, ".dwbase", "devnet");
    expect([(await dwbase("deploy", "clean")).code, existsSync(dir)]).toEqual([2, true]);
    expect([(await dwbase("deploy", "clean", "--yes")).code, existsSync(dir)]).toEqual([0, false]);
    figure(`devnet: 3 nodes on ${port}-${port + 2} started, asked, stopped and cleaned`);
  });

  test("Ctrl+C ends the nodes of that run", async () => {
    const child = devnet(await basePort());
    await table(child);
    const nodes = await listed();
    expect(nodes.length).toBe(3);
    child.kill("SIGINT");
    await child.exited;
    for (const { pid, data_dir } of nodes) {
      expect(runs(pid)).toBe(false);
      await deepCheck(data_dir);
    }
  });

  test("nodes whose parent was killed are still known and stopped; a stale PID of another program is not", async () => {
    const child = devnet(await basePort());
    await table(child);
    const nodes = await listed();
    child.kill("SIGKILL");
    await child.exited;
    expect((await listed()).map(({ pid }) => pid)).toEqual(nodes.map(({ pid }) => pid));
    const state = join(cwd, ".dwbase", "devnet", "state.json");
    const stale = readFileSync(state, "utf8").replaceAll(`${nodes[0]!.pid}`, `${process.pid}`);
    expect((await dwbase("deploy", "stop")).code).toBe(0);
    for (const { pid } of nodes) expect(runs(pid)).toBe(false);
    // this very process stands in the file now: it is not ours to end
    await Bun.write(state, stale);
    expect((await dwbase("deploy", "stop")).code).toBe(0);
    expect(runs(process.pid)).toBe(true);
    expect((await dwbase("deploy", "clean", "--yes")).code).toBe(0);
  });
});
