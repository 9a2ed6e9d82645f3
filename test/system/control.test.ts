/** The emergency controls of the executable: from the command line, on every path, over a restart, within the time promised. */
import { expect, test } from "bun:test";
import { EIO, ENOSPC, FaultyDisk } from "./faults.ts";
import {
  type Answer,
  deepCheck,
  figure,
  NDJSON_TYPE,
  run,
  scratch,
  suite,
  TestNode,
  until,
} from "./harness.ts";

const KEY = "an-admin-key-for-tests";
const ENV = { WW_ADMIN_API_KEY: KEY };
/** From the moment the node has the command; promised. */
const STOP_MS = 100;

const ATOM = { world: "w", worker: "me", kind: "observation", payload_json: '{"text":"blue"}' };

function cli(node: TestNode, ...argv: string[]) {
  return run(["control", ...argv, "--api", node.url, "--key", KEY]);
}

/** Writers on every path until told to stop; the last moment at which each had a write acknowledged. */
class Writers {
  readonly last = new Map<string, number>();
  readonly refused = new Set<string>();
  /** Lines that ended the streams. */
  readonly ends: string[] = [];
  private running = true;
  private readonly all: Promise<void>[] = [];

  /** @param ids of atoms to forget, one after the other */
  constructor(
    private readonly node: TestNode,
    ids: readonly string[],
  ) {
    this.loop("forget", (n) => node.send("DELETE", `/atoms/${ids[n]}`));
    for (let i = 0; i < 4; i++) this.loop("remember", () => node.post("/remember", ATOM));
    this.loop("batch", () => node.post("/remember/batch", { atoms: Array(50).fill(ATOM) }));
    this.loop("episode", () => node.post("/api/v1/episodes", { content: "It rained." }));
    this.loop("relaxed", () => node.post("/remember?durability=relaxed", ATOM));
    this.loop("world", (n) => node.post("/worlds/manage", { action: "create", world: `new-${n}` }));
    this.loop("policy", () => node.post("/worlds/policy", { world: "w", retention_days: 1000 }));
    this.all.push(this.stream());
  }

  private loop(name: string, act: (n: number) => Promise<Answer>): void {
    const work = async () => {
      for (let n = 0; this.running; n++) {
        const { status, body } = await act(n);
        if (status < 300) this.last.set(name, performance.now());
        else if (body?.code === "read_only") this.refused.add(name);
        else throw new Error(`${name}: ${status} ${JSON.stringify(body)}`);
        await Bun.sleep(1);
      }
    };
    this.all.push(work());
  }

  /** A stream of lines that began before the panic. */
  private async stream(): Promise<void> {
    const line = new TextEncoder().encode(`${JSON.stringify(ATOM)}\n`);
    const body = new ReadableStream({
      pull: async (out) => {
        await Bun.sleep(2);
        if (this.running) out.enqueue(line);
        else out.close();
      },
    });
    const response = await fetch(`${this.node.url}/remember/batch`, {
      method: "POST",
      headers: { "Content-Type": NDJSON_TYPE },
      body,
    });
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) {
      for (const text of decoder.decode(chunk).split("\n").filter(Boolean)) {
        if (text.includes('"id"')) this.last.set("stream", performance.now());
        else this.ends.push(text);
      }
    }
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.all);
  }
}

suite("emergency controls", () => {
  test("LIMITED from the command line stops writes on all paths, outlives a restart, and recover restores", async () => {
    let node = await TestNode.start({ env: ENV });
    const { body } = await node.post("/remember/batch", { atoms: Array(1000).fill(ATOM) });
    const writers = new Writers(node, body.ids);
    await Bun.sleep(500);
    expect([...writers.last.keys()].sort()).toEqual([
      "batch",
      "episode",
      "forget",
      "policy",
      "relaxed",
      "remember",
      "stream",
      "world",
    ]);
    const panicked = await cli(node, "panic", "LIMITED", "the", "card", "fails");
    const done = performance.now();
    expect([panicked.code, panicked.err]).toEqual([0, ""]);
    await Bun.sleep(500);
    await writers.stop();
    const latest = Math.max(...writers.last.values());
    figure(`the last write was acknowledged ${Math.round(latest - done)} ms after "control panic" had ended`);
    expect(latest - done).toBeLessThan(STOP_MS);
    expect([...writers.refused].sort()).toEqual([
      "batch",
      "episode",
      "forget",
      "policy",
      "relaxed",
      "remember",
      "world",
    ]);
    expect(writers.ends.map((line) => JSON.parse(line).code)).toEqual(["read_only"]);

    const atoms = async () => (await node.post("/ask", { world: "w", text: "blue" })).status;
    expect(await atoms()).toBe(200);
    await node.stop();
    node = await TestNode.start({ dir: node.dir, env: ENV });
    expect((await node.post("/remember", ATOM)).body).toMatchObject({ code: "read_only" });
    expect(await atoms()).toBe(200);
    expect((await cli(node, "status")).out).toContain("panic level: LIMITED (the card fails)");
    expect((await cli(node, "recover")).code).toBe(0);
    expect((await node.post("/remember", ATOM)).status).toBe(200);
    expect((await cli(node, "recover")).code).toBe(1);
    await node.stop();

    const listed = await run(["audit", "list", "--json", "--data-dir", node.dir]);
    const acts = JSON.parse(listed.out).filter(({ action }: { action: string }) =>
      /panic|recover/.test(action),
    );
    expect(acts.map(({ action, actor, target }: Record<string, string>) => [action, actor, target])).toEqual([
      ["panic", "WW_ADMIN_API_KEY", "LIMITED"],
      ["recover", "WW_ADMIN_API_KEY", "NONE"],
    ]);
    expect((await run(["audit", "verify", "--data-dir", node.dir])).code).toBe(0);
    await deepCheck(node.dir);
  });

  test("an open node makes an admin key too, and the command line of the device finds it", async () => {
    const node = await TestNode.start();
    const local = (...argv: string[]) =>
      run([...argv, "--api", node.url], { env: { DWBASE_NODE_DATA_DIR: node.dir } });
    expect((await local("control", "flags", "api_rate_limiting", "off")).code).toBe(0);
    expect((await node.get("/api/v1/control/flags")).status).toBe(401);
    expect((await local("remember", "home", "the key is under the pot")).code).toBe(0);
    expect((await local("control", "panic", "LIMITED", "just a test")).code).toBe(0);
    expect((await local("remember", "home", "the door is open")).code).toBe(4);
    await node.stop();
    const { out } = await run(["audit", "list", "--json", "--data-dir", node.dir]);
    expect(JSON.parse(out).map(({ actor }: { actor: string }) => actor)).toEqual(["admin", "admin"]);
    await deepCheck(node.dir);
  });

  test("a kill right after the answer does not lose the level", async () => {
    let node = await TestNode.start({ env: ENV });
    expect((await cli(node, "panic", "CRITICAL", "somebody broke in")).code).toBe(0);
    await node.kill();
    node = await TestNode.start({ dir: node.dir, env: ENV });
    expect((await node.post("/ask", { world: "w", text: "blue" })).body).toMatchObject({
      code: "maintenance",
    });
    const health = ["/healthz", "/health", "/readyz"].map(async (path) => (await node.get(path)).status);
    expect(await Promise.all(health)).toEqual([200, 200, 503]);
    expect((await node.get("/health")).body.message).toContain("the panic level is CRITICAL");
    expect((await node.get("/health")).text).not.toContain("broke in");
    expect((await cli(node, "flags")).code).toBe(0);
    await node.stop();
    await deepCheck(node.dir);
  });

  test("TOTAL by shutdown ends the process with 64 and the next start is still at TOTAL", async () => {
    let node = await TestNode.start({ env: ENV });
    await node.post("/remember", ATOM);
    expect((await cli(node, "panic", "TOTAL", "power is going", "--source", "shutdown")).code).toBe(0);
    expect(await node.ended).toBe(64);
    node = await TestNode.start({ dir: node.dir, env: ENV });
    expect((await cli(node, "status")).out).toContain("TOTAL");
    expect((await cli(node, "recover")).code).toBe(0);
    expect((await node.post("/remember", ATOM)).status).toBe(200);
    await node.stop();
    await deepCheck(node.dir);
  });

  test("a failing disk opens the circuit database, a full one does not, and reset closes it again", async () => {
    const disk = FaultyDisk.make("*.db-wal");
    const node = await TestNode.start({ env: { ...ENV, ...disk.env } });
    const database = async () =>
      (await node.get("/api/v1/control/circuits/database", { "X-Admin-Key": KEY })).body.state;
    const remember = async () => (await node.post("/remember", ATOM)).status;
    expect([await remember(), await database()]).toEqual([200, "closed"]);
    disk.set({ writeErrno: ENOSPC });
    expect(await remember()).toBe(507);
    await Bun.sleep(1000);
    expect(await database()).toBe("closed");
    disk.mend();
    disk.set({ syncErrno: EIO });
    expect(await remember()).toBe(503);
    await until("the circuit opens", 5000, async () => (await database()) === "open");
    expect(
      (await node.get("/api/v1/control/emergency", { "X-Admin-Key": KEY })).body.circuit_breakers,
    ).toEqual({
      database: "open",
    });
    disk.mend();
    expect((await cli(node, "circuits", "database", "open")).code).toBe(1);
    expect((await cli(node, "circuits", "database", "reset")).out).toContain("database\tclosed");
    expect(await remember()).toBe(200);
    await node.stop();
    disk.close();
    await deepCheck(node.dir);
  });

  test("the environment sets flags, a set one beats it, and secrets come from files", async () => {
    const secrets = scratch();
    await Bun.write(`${secrets}/ww_admin_api_key`, `${KEY}\n`);
    const env = {
      CREDENTIALS_DIRECTORY: secrets,
      WW_SECRETS_BACKEND: "file",
      WW_FLAG_READ_ONLY_MODE: "true",
    };
    let node = await TestNode.start({ env });
    expect((await node.post("/remember", ATOM)).body).toMatchObject({ code: "read_only" });
    expect((await cli(node, "flags", "read_only_mode", "off")).out).toContain(
      "read_only_mode\toff\t100 %\tcontrol",
    );
    await node.stop();
    node = await TestNode.start({ dir: node.dir, env });
    expect((await node.post("/remember", ATOM)).status).toBe(200);
    const get = async (path: string) =>
      (await fetch(`${node.url}/api/v1/control/secrets${path}`, { headers: { "X-Admin-Key": KEY } })).json();
    expect(await get("/keys")).toEqual({ keys: ["WW_ADMIN_API_KEY"] });
    const { entries } = (await get("/audit")) as { entries: { key: string; source: string | null }[] };
    expect(entries).toContainEqual(expect.objectContaining({ key: "WW_ADMIN_API_KEY", source: "file" }));
    expect(JSON.stringify([entries, node.log])).not.toContain(KEY);
    await node.stop();
    await deepCheck(node.dir);
  });
});
