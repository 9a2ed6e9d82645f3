import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Fault, ownCommand } from "../base/mod.ts";

/** A node of its own for a measurement, in a temporary directory on the file system of `parent`. */
export class BenchNode {
  readonly dataDir: string;
  private child: Bun.Subprocess<"ignore", "pipe", "ignore"> | undefined;
  port = 0;
  /** From exec to the first answered /healthz, ms. */
  startMs = 0;

  constructor(parent: string) {
    this.dataDir = mkdtempSync(join(parent, "dwbase-bench-"));
  }

  async start(): Promise<void> {
    const began = performance.now();
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(DWBASE|WW)_/.test(name)),
    );
    const child = Bun.spawn(
      [...ownCommand(), "serve", "--listen", "127.0.0.1:0", "--data-dir", this.dataDir],
      {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "ignore",
        env: { ...env, INVOCATION_ID: "bench" },
      },
    );
    this.child = child;
    const { promise, resolve } = Promise.withResolvers<void>();
    void this.readLog(child.stdout, began, resolve);
    await Promise.race([promise, child.exited]);
    if (child.exitCode !== null)
      throw new Fault("internal_error", `the node ended with code ${child.exitCode}`);
  }

  private async readLog(log: ReadableStream<Uint8Array>, began: number, ready: () => void): Promise<void> {
    let text = "";
    for await (const chunk of log) {
      if (this.port !== 0 && text === "") continue;
      text += new TextDecoder().decode(chunk);
      const url = /"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(text);
      if (url && this.port === 0) {
        this.port = Number(url[1]);
        await fetch(`http://127.0.0.1:${this.port}/healthz`);
        this.startMs = performance.now() - began;
      }
      if (text.includes('"msg":"ready"')) {
        text = "";
        ready();
      }
    }
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  rssBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "latin1");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
  }

  peakRssBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "latin1");
    return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
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
    const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
    return Number(new RegExp(`^${name} (.+)$`, "m").exec(text)?.[1] ?? Number.NaN);
  }

  async stop(): Promise<void> {
    this.child?.kill("SIGTERM");
    await this.child?.exited;
  }

  remove(): void {
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
