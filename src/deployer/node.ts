import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { ensureDir, errnoOf, Fault, fileFault, LIMITS } from "../base/mod.ts";
import { Client } from "../client/mod.ts";
import { apiOf, formatListen, type Listen } from "../config/mod.ts";
import { identify } from "./process.ts";
import type { NodeRecord } from "./state.ts";

/** Where and with what nodes are started. */
export interface Place {
  /** Root of the helper's state, logs and configs. */
  root: string;
  cwd: string;
  env: Record<string, string | undefined>;
  /** The command that runs this very program. */
  self: readonly string[];
}

/** What a node is started from. */
export interface Plan {
  id: string;
  listen: Listen;
  dataDir: string;
  /** As `serve --config` gets it; "" for none. */
  config: string;
  log: string;
}

export interface Started {
  plan: Plan;
  record: NodeRecord;
  child: ChildProcess;
  /** Exit code once it has ended; null when a signal ended it. */
  ended: Promise<number | null>;
}

/**
 * Starts a node in the background. Its listen address and data directory are given as flags too, so that no
 * variable of the environment sends two nodes to one place.
 */
export function startNode(place: Place, plan: Plan, detached: boolean): Started {
  const [command, ...before] = place.self;
  const args = [...before, "serve", "--listen", formatListen(plan.listen), "--data-dir", plan.dataDir];
  if (plan.config !== "") args.push("--config", plan.config);
  ensureDir(dirname(plan.log));
  const log = openLog(plan.log);
  let child: ChildProcess;
  try {
    child = spawn(command!, args, { cwd: place.cwd, env: place.env, stdio: ["ignore", log, log], detached });
  } finally {
    closeSync(log);
  }
  const ended = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => resolve(code)).once("error", () => resolve(1));
  });
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity === undefined) {
    throw new Fault("internal_error", `node ${plan.id} did not start; its log is ${plan.log}`, {
      op: "start node",
    });
  }
  const record: NodeRecord = {
    id: plan.id,
    port: plan.listen.kind === "tcp" ? plan.listen.port : null,
    listen: formatListen(plan.listen),
    ...identity,
    data_dir: plan.dataDir,
    config: plan.config,
    log: plan.log,
  };
  return { plan, record, child, ended };
}

function openLog(path: string): number {
  try {
    return openSync(path, "a", 0o600);
  } catch (cause) {
    throw fileFault("open log", path, cause);
  }
}

/** Pause between two tries to reach a starting node, and how long one may take, ms. */
const POLL_MS = 25;
const TRY_MS = 1000;

/**
 * Resolves when the node serves: /health answers only once the memory is open, /healthz does before.
 * @throws Fault when it ends before, or is not up within `LIMITS.readyMs`.
 */
export async function waitReady(node: Started): Promise<void> {
  const client = new Client({ api: apiOf(node.plan.listen), timeoutMs: TRY_MS });
  const deadline = performance.now() + LIMITS.readyMs;
  let code: number | null | undefined;
  void node.ended.then((ended) => {
    code = ended;
  });
  const { id, log } = node.plan;
  while (performance.now() < deadline) {
    if (code !== undefined) {
      const end = code === null ? "was ended by a signal" : `ended with code ${code}`;
      throw new Fault(
        "storage_error",
        `node ${id} ${end} while starting; its log ${log} says: ${lastLine(log)}`,
      );
    }
    try {
      const { checks } = await client.health();
      if (!checks.some((check) => check.status === "critical")) return;
    } catch {
      // not listening yet
    }
    await Bun.sleep(POLL_MS);
  }
  throw new Fault(
    "unreachable",
    `node ${id} did not answer within ${LIMITS.readyMs / 1000} s; its log is ${log}`,
  );
}

function lastLine(log: string): string {
  return readFileSync(log, "utf8").trimEnd().split("\n").at(-1) || "(nothing)";
}

/**
 * Makes sure that nobody listens where a node is to listen.
 * @param hint which setting to change
 * @throws Fault conflict in one sentence.
 */
export async function requireFree(listen: Listen, hint: string): Promise<void> {
  if (listen.kind === "unix") return;
  const { host, port } = listen;
  const error = await new Promise<Error | undefined>((resolve) => {
    const probe = createServer().once("error", resolve);
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
  if (error === undefined) return;
  const why: Record<string, string> = {
    EADDRINUSE: "is taken",
    EACCES: "needs a privilege that you do not have",
    EADDRNOTAVAIL: "is not an address of this machine",
  };
  const reason = why[errnoOf(error)] ?? `cannot be used (${error.message})`;
  throw new Fault("conflict", `${formatListen(listen)} ${reason}; ${hint}`);
}
