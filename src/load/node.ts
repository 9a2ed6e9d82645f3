import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Fault, ownCommand } from "../base/mod.ts";

/** Lines of a node's log that are kept for an error's sentence. */
const LOG_CHARS = 4096;

/** A node as a child process: this same executable, without the settings of the environment. */
export class ChildNode {
  private child: Bun.Subprocess<"ignore", "pipe", "ignore"> | undefined;
  private log = "";
  port = 0;
  /** From exec to the first answered /healthz, ms. */
  startMs = 0;
  /** From exec until its threads were up, ms. */
  readyMs = 0;

  constructor(
    readonly dataDir: string,
    private readonly env: Readonly<Record<string, string>> = {},
    private readonly command: readonly string[] = ownCommand(),
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Resolves when the node is ready. @param env more settings for this run @throws Fault when it ended instead */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const began = performance.now();
    const kept = Object.entries(process.env).filter(([name]) => !/^(DWBASE|WW)_/.test(name));
    const child = Bun.spawn(
      [...this.command, "serve", "--listen", "127.0.0.1:0", "--data-dir", this.dataDir],
      {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "ignore",
        env: { ...Object.fromEntries(kept), INVOCATION_ID: "child", ...this.env, ...env },
      },
    );
    this.child = child;
    this.port = 0;
    this.log = "";
    const ready = Promise.withResolvers<void>();
    void this.read(child.stdout, began, ready.resolve);
    await Promise.race([ready.promise, child.exited]);
    this.readyMs = performance.now() - began;
    if (this.running) return;
    throw new Fault(
      "storage_error",
      `the node ended with ${child.exitCode ?? child.signalCode}; its log ends: ${this.log}`,
    );
  }

  private async read(log: ReadableStream<Uint8Array>, began: number, ready: () => void): Promise<void> {
    const decoder = new TextDecoder();
    let starting = true;
    for await (const chunk of log) {
      this.log = (this.log + decoder.decode(chunk, { stream: true })).slice(-LOG_CHARS);
      if (!starting) continue;
      const url = /"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(this.log);
      if (url && this.port === 0) {
        this.port = Number(url[1]);
        await fetch(`${this.url}/healthz`);
        this.startMs = performance.now() - began;
      }
      if (this.log.includes('"msg":"ready"')) {
        starting = false;
        ready();
      }
    }
  }

  rssBytes(): number {
    return this.status("VmRSS");
  }

  peakRssBytes(): number {
    return this.status("VmHWM");
  }

  private status(name: string): number {
    const text = readFileSync(`/proc/${this.pid}/status`, "latin1");
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0) * 1024;
  }

  /** Bytes that the kernel was asked to write to storage for the node. */
  writtenBytes(): number {
    const io = readFileSync(`/proc/${this.pid}/io`, "latin1");
    return Number(/^write_bytes: (\d+)/m.exec(io)?.[1] ?? 0);
  }

  diskBytes(): number {
    return (
      readdirSync(this.dataDir, { recursive: true, withFileTypes: true })
        // the ballast is the same however much is remembered
        .filter((entry) => entry.isFile() && entry.name !== "ballast")
        .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
    );
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (.+)$`, "m").exec(text)?.[1] ?? Number.NaN);
  }

  /** An orderly end. @returns the exit code */
  async stop(): Promise<number> {
    this.child?.kill("SIGTERM");
    return (await this.child?.exited) ?? 0;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.child?.kill("SIGKILL");
    await this.child?.exited;
  }
}
