/** What the tests of the built executable share: nodes in directories of their own, requests, checks, figures. */
import { afterAll, describe, expect, setDefaultTimeout } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** The executable under test, or "" when DWBASE_BIN is not set: the tests then skip themselves. */
export const BIN = process.env.DWBASE_BIN ? resolve(process.env.DWBASE_BIN) : "";
/** Whether to run at the sizes that the product promises, not at those that suit a build machine. */
export const FULL = process.env.DWBASE_FULL === "1";

export const JSON_TYPE = "application/json";
export const MSGPACK_TYPE = "application/msgpack";
export const NDJSON_TYPE = "application/x-ndjson";

/** A test that takes longer hangs; those of many rounds say so themselves. */
const TEST_MS = 120_000;

/** Tests of the executable; whatever they started or made is gone afterwards. */
export function suite(name: string, body: () => void): void {
  const title = BIN === "" ? `${name} (skipped: set DWBASE_BIN to the built executable)` : name;
  describe.skipIf(BIN === "")(title, () => {
    if (BIN !== "") afterAll(cleanUp);
    setDefaultTimeout(TEST_MS);
    body();
  });
}

/** Prints a measured figure. */
export function figure(text: string): void {
  console.log(`figure: ${text}`);
}

export function envNumber(name: string, standard: number): number {
  return Number(process.env[name] || standard);
}

const children = new Set<Bun.Subprocess>();
const dirs = new Set<string>();

async function cleanUp(): Promise<void> {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all([...children].map((child) => child.exited));
  children.clear();
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
  dirs.clear();
}

/** A directory that is removed after the tests of the file. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), "dwbase-system-"));
  dirs.add(dir);
  return dir;
}

/** The environment without settings for a node, as under a service manager, with `more` added. */
export function cleanEnv(more: Record<string, string> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(DWBASE|WW)_/.test(name));
  return { ...(Object.fromEntries(kept) as Record<string, string>), INVOCATION_ID: "system-test", ...more };
}

export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** Runs the executable to its end, in a directory without configuration. */
export async function run(
  args: string[],
  options: { env?: Record<string, string>; cwd?: string; stdin?: string } = {},
): Promise<Ran> {
  const child = Bun.spawn([BIN, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: cleanEnv(options.env),
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  children.add(child);
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const code = await child.exited;
  children.delete(child);
  return { code, out, err };
}

/** Every row of a data directory is whole, as the executable's own deep check finds. */
export async function deepCheck(dir: string): Promise<{ counts: Record<string, number> }> {
  const { code, out, err } = await run(["storage", "check", "--deep", "--json", "--data-dir", dir]);
  const report = out === "" ? { findings: err } : JSON.parse(out);
  expect({ code, findings: report.findings, clean: report.clean }).toEqual({
    code: 0,
    findings: [],
    clean: true,
  });
  return report;
}

export function filesUnder(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** SHA-256 of every file under a directory, by path; without the WAL's index, which readers mark too. */
export function hashFiles(dir: string): Record<string, string> {
  return Object.fromEntries(
    filesUnder(dir)
      .filter((path) => !path.endsWith("-shm"))
      .map((path) => [path, createHash("sha256").update(readFileSync(path)).digest("hex")]),
  );
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The decoded JSON body, or undefined. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it freely
  body: any;
}

export interface NodeOptions {
  dir?: string;
  /** More arguments of serve. */
  args?: string[];
  env?: Record<string, string>;
  /** Default 127.0.0.1:0; "" = as it is configured. */
  listen?: string;
  cwd?: string;
  /** A command that runs the command after it, in a place of its own. */
  within?: string[];
  /** Sent with every request. */
  key?: string;
}

const START_MS = 30_000;
const LOG_LINES = 2000;

/** A node as a process of its own. */
export class TestNode {
  port = 0;
  /** The last lines of its log, parsed. */
  readonly log: Record<string, unknown>[] = [];
  /** What it said on stderr. */
  err = "";
  /** From exec until /healthz answered and until the node was ready, ms. */
  healthzMs = 0;
  readyMs = 0;
  key: string | undefined;

  private constructor(
    readonly dir: string,
    private readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">,
    /** The socket that it listens on, when it is one of a path. */
    private readonly socket: string | undefined,
  ) {}

  /** Starts a node and waits until it is ready. */
  static async start(options: NodeOptions = {}): Promise<TestNode> {
    const dir = options.dir ?? join(scratch(), "data");
    const began = performance.now();
    const listen = options.listen ?? "127.0.0.1:0";
    const address = listen === "" ? [] : ["--listen", listen];
    const serve = [BIN, "serve", ...address, "--data-dir", dir, ...(options.args ?? [])];
    const child = Bun.spawn([...(options.within ?? []), ...serve], {
      cwd: options.cwd ?? tmpdir(),
      env: cleanEnv(options.env),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    children.add(child);
    const node = new TestNode(dir, child, /^unix:(.+)$/.exec(listen)?.[1]);
    node.key = options.key;
    const ready = Promise.withResolvers<void>();
    void node.readLog(child.stdout, began, ready.resolve);
    void child.stderr.text().then((text) => {
      node.err = text;
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), START_MS);
    await Promise.race([ready.promise, child.exited]);
    clearTimeout(timer);
    if (child.exitCode !== null || child.signalCode !== null) {
      await Bun.sleep(50);
      throw new Error(`the node ended with ${child.exitCode ?? child.signalCode}: ${node.err}`);
    }
    return node;
  }

  private async readLog(stream: ReadableStream<Uint8Array>, began: number, ready: () => void): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines.filter((text) => text.startsWith("{"))) {
        const entry = JSON.parse(line);
        this.log.push(entry);
        if (this.log.length > LOG_LINES) this.log.shift();
        if (entry.msg === "listening") {
          this.port = Number(/:(\d+)$/.exec(entry.url)?.[1] ?? 0);
          if (this.port > 0) {
            await fetch(`${this.url}/healthz`).catch(() => {});
            this.healthzMs = performance.now() - began;
          }
        }
        if (entry.msg === "ready") {
          this.readyMs = performance.now() - began;
          ready();
        }
      }
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** The exit code, or the signal that ended the process. */
  get ended(): Promise<number | string> {
    return this.child.exited.then(() => this.child.exitCode ?? this.child.signalCode ?? "");
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
    children.delete(this.child);
  }

  /** An orderly stop, which must end with code 0. */
  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    expect(await this.ended).toBe(0);
    children.delete(this.child);
  }

  /** A request on a connection of its own; `raw` is sent as it is, any other body as JSON. */
  async send(
    method: string,
    path: string,
    options: { json?: unknown; raw?: Bun.BodyInit; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const body = options.raw ?? (options.json === undefined ? undefined : JSON.stringify(options.json));
    const headers: Record<string, string> = {
      ...(body === undefined ? {} : { "Content-Type": JSON_TYPE }),
      ...(this.key === undefined ? {} : { Authorization: `Bearer ${this.key}` }),
      ...options.headers,
    };
    const response = await fetch(this.url + path, {
      method,
      headers,
      keepalive: false,
      ...(this.socket === undefined ? {} : { unix: this.socket }),
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parseJson(text) };
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send("GET", path, { headers });
  }

  post(path: string, json: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send("POST", path, { json, headers });
  }

  /** Remembers one atom. @returns its id */
  async remember(atom: Record<string, unknown>): Promise<string> {
    const { status, body, text } = await this.post("/remember", atom);
    if (status !== 200) throw new Error(`remember answered ${status}: ${text}`);
    return body;
  }

  /** All atoms of a world in log order. */
  async replay(world: string): Promise<StoredAtom[]> {
    const atoms: StoredAtom[] = [];
    for (let after: string | null | undefined; after !== null; ) {
      const page = await this.post("/replay", { world, ...(after === undefined ? {} : { after }) });
      if (page.status === 404) return [];
      expect(page.status).toBe(200);
      atoms.push(...page.body);
      after = page.headers.get("x-next-after");
    }
    return atoms;
  }

  /** The value of an unlabelled metric. */
  async metric(name: string): Promise<number> {
    const { text } = await this.get("/metrics");
    return Number(new RegExp(`^${name} (.+)$`, "m").exec(text)?.[1] ?? Number.NaN);
  }

  /** A size in kB from /proc/<pid>/status, in MB. */
  memoryMb(name: "VmRSS" | "VmHWM"): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "latin1");
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0) / 1024;
  }
}

/** An atom as it is answered. */
export interface StoredAtom {
  id: string;
  world: string;
  worker: string;
  kind: string;
  timestamp: string;
  importance: number;
  payload_json: string;
  vector: number[] | null;
  flags: string[];
  labels: string[];
  links: { target: string; kind: string }[];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An atom with the least that is needed. */
export function atomOf(text: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    world: "home",
    worker: "sensor",
    kind: "observation",
    payload_json: JSON.stringify({ text }),
    ...more,
  };
}

/** A TCP port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Waits until `done` holds. @returns the seconds it took @throws when it does not within `ms` */
export async function until(
  what: string,
  ms: number,
  done: () => boolean | Promise<boolean>,
): Promise<number> {
  const began = performance.now();
  while (!(await done())) {
    if (performance.now() - began > ms) throw new Error(`not within ${ms / 1000} s: ${what}`);
    await Bun.sleep(100);
  }
  return (performance.now() - began) / 1000;
}

/** The share of the sorted values that lies below, e.g. 0.99. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export function diskBytes(dir: string): number {
  return filesUnder(dir).reduce((sum, path) => sum + statSync(path).size, 0);
}
