import { expect, test } from "bun:test";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BIN, cleanEnv, deepCheck, figure, scratch, suite, until } from "./harness.ts";

const REQUESTS = 500;
/** More log than a pipe (64 KiB) and the node's own buffer (1 MiB) hold. */
const REQUESTS_OVER_THE_BUFFER = 12_000;

/** A node on a Unix socket: no line of its log is needed to reach it. */
class SilentNode {
  private constructor(
    readonly dir: string,
    private readonly socket: string,
    private readonly child: Bun.Subprocess,
  ) {}

  /** @param command a shell command line around "$@", which is the node's */
  static async start(command: string, stdout: number | "ignore" = "ignore"): Promise<SilentNode> {
    const parent = scratch();
    const dir = join(parent, "data");
    const socket = join(parent, "node.sock");
    const child = Bun.spawn(
      ["sh", "-c", command, "sh", BIN, "serve", "--listen", `unix:${socket}`, "--data-dir", dir],
      {
        cwd: tmpdir(),
        env: { ...cleanEnv(), DWBASE_TELEMETRY_LOG_LEVEL: "debug" },
        stdin: "ignore",
        stdout,
        stderr: "ignore",
      },
    );
    const node = new SilentNode(dir, socket, child);
    await until("the node serves", 20_000, async () => (await node.status("GET", "/readyz")) === 200);
    return node;
  }

  async send(method: string, path: string, json?: unknown): Promise<Response> {
    return fetch(`http://localhost${path}`, {
      method,
      unix: this.socket,
      ...(json === undefined
        ? {}
        : { body: JSON.stringify(json), headers: { "Content-Type": "application/json" } }),
    });
  }

  async status(method: string, path: string, json?: unknown): Promise<number> {
    try {
      const response = await this.send(method, path, json);
      await response.arrayBuffer();
      return response.status;
    } catch {
      return 0;
    }
  }

  async remember(n: number): Promise<void> {
    const atom = { world: "w", worker: "me", kind: "plan", payload_json: `{"text":"number ${n}"}` };
    expect(await this.status("POST", "/remember", atom)).toBe(200);
  }

  async dropped(): Promise<number> {
    const text = await (await this.send("GET", "/metrics")).text();
    return Number(/^dwbase_log_dropped_total (\d+)/m.exec(text)?.[1]);
  }

  /** Ends with code 0, and all is there. */
  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    expect(await this.child.exited).toBe(0);
    await deepCheck(this.dir);
  }
}

suite("standard output", () => {
  test("a full device: the node serves, and what it could not say is counted", async () => {
    const node = await SilentNode.start('exec "$@" >/dev/full');
    for (let n = 0; n < REQUESTS; n++) await node.remember(n);
    const dropped = await node.dropped();
    expect(dropped).toBeGreaterThanOrEqual(REQUESTS);
    await node.stop();
    figure(`stdout /dev/full: ${REQUESTS} requests served, ${dropped} log lines dropped and counted`);
  });

  test("stdout is the log's alone: JSON lines, while the greeting of a person goes to stderr", async () => {
    const dir = scratch();
    const [out, err] = [join(dir, "out"), join(dir, "err")];
    const node = await SilentNode.start(`exec env -u INVOCATION_ID "$@" >${out} 2>${err}`);
    await node.stop();
    const lines = readFileSync(out, "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).msg)).toContain("listening");
    expect(readFileSync(err, "utf8")).toContain("Try, in another terminal:");
  });

  test.each([">/dev/full", "2>/dev/full", "2>&-"])("greeting somebody %s ends no node", async (where) => {
    const node = await SilentNode.start(`exec env -u INVOCATION_ID "$@" ${where}`);
    await node.remember(0);
    await node.stop();
  });

  test("a pipe whose reader is gone", async () => {
    const fifo = join(scratch(), "fifo");
    Bun.spawnSync(["mkfifo", fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(fifo, constants.O_WRONLY);
    const node = await SilentNode.start('exec "$@"', writer);
    closeSync(writer);
    await node.remember(0);
    closeSync(reader);
    const before = await node.dropped();
    for (let n = 0; n < REQUESTS; n++) await node.remember(n);
    const dropped = (await node.dropped()) - before;
    expect(dropped).toBeGreaterThanOrEqual(REQUESTS - 1);
    await node.stop();
    figure(`stdout a closed pipe: ${REQUESTS} requests served, ${dropped} log lines dropped and counted`);
  });

  test("a pipe that nobody reads: neither the node nor its memory waits for it", async () => {
    const fifo = join(scratch(), "fifo");
    Bun.spawnSync(["mkfifo", fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(fifo, constants.O_WRONLY);
    const node = await SilentNode.start('exec "$@"', writer);
    closeSync(writer);
    for (let n = 0; n < REQUESTS_OVER_THE_BUFFER; n++) await node.status("GET", "/worlds");
    const dropped = await node.dropped();
    expect(dropped).toBeGreaterThan(0);
    await node.stop();
    closeSync(reader);
    figure(
      `stdout a pipe that nobody reads: ${REQUESTS_OVER_THE_BUFFER} requests served, ${dropped} log lines dropped`,
    );
  });

  test.each(['exec "$@" >&-', 'exec "$@" <&- >&- 2>&-'])(
    "closed from the start (%s): no file takes its place",
    async (command) => {
      const node = await SilentNode.start(command);
      for (let n = 0; n < REQUESTS; n++) await node.remember(n);
      await node.stop();
    },
  );
});
