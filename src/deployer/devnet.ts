import { existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { atomicWrite, ensureDir, Fault, readIfThere } from "../base/mod.ts";
import { formatListen, type Listen, loadConfig, setValues, TEMPLATES } from "../config/mod.ts";
import { type Place, type Plan, requireFree, startNode, waitReady } from "./node.ts";
import { groupDir, prune } from "./state.ts";
import { Supervisor } from "./supervise.ts";

export interface DevnetOptions {
  nodes: number;
  basePort: number;
  say: (message: string) => void;
}

const TEMPLATE = "deploy/devnet.toml";

/**
 * Starts nodes on neighbouring ports, each with data, log and config of its own; resolves when all answer. When one
 * does not, those that were started are ended again.
 */
export async function startDevnet(
  place: Place,
  { nodes, basePort, say }: DevnetOptions,
): Promise<Supervisor> {
  const last = basePort + nodes - 1;
  if (last > 65_535) throw new Fault("usage", `port ${last} is over 65535; choose a lower --base-port`);
  const running = prune(place.root, "devnet");
  if (running.length > 0) {
    const which = running.map(({ id, pid }) => `${id} (PID ${pid})`).join(", ");
    throw new Fault("conflict", `the devnet already runs: ${which}; end it with dwbase deploy stop`);
  }
  const plans = Array.from({ length: nodes }, (_, i) => planNode(place, i + 1, basePort + i));
  for (const { listen } of plans) {
    await requireFree(listen, "change `listen` of what uses it, or choose another --base-port");
  }
  for (const plan of plans) writeConfig(place, plan);
  const supervisor = new Supervisor(place, "devnet", say);
  try {
    const started = plans.map((plan) => {
      const node = startNode(place, plan, false);
      supervisor.add(node);
      return node;
    });
    await Promise.all(started.map(waitReady));
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  return supervisor;
}

function planNode(place: Place, number: number, port: number): Plan {
  const id = `node-${number}`;
  const dir = join(groupDir(place.root, "devnet"), id);
  const listen: Listen = { kind: "tcp", host: "127.0.0.1", port };
  return {
    id,
    listen,
    dataDir: join(dir, "data"),
    config: join(dir, "dwbase.toml"),
    log: join(dir, "node.log"),
  };
}

/** The user's template, else the carried one, with the node's own address and directory. */
function writeConfig(place: Place, plan: Plan): void {
  const template = readIfThere(resolve(place.cwd, TEMPLATE)) ?? TEMPLATES.devnet;
  const own = { "node.listen": formatListen(plan.listen), "node.data_dir": plan.dataDir };
  ensureDir(join(plan.config, ".."));
  atomicWrite(plan.config, setValues(template, own));
  loadConfig({ env: place.env, cwd: place.cwd, path: plan.config });
}

/**
 * Removes the devnet's directories and the state of ended nodes.
 * @returns the directories that were removed.
 * @throws Fault conflict while a node of the devnet runs.
 */
export function clean(root: string): string[] {
  const running = prune(root, "devnet");
  if (running.length > 0) {
    const which = running.map(({ id, pid }) => `${id} (PID ${pid})`).join(", ");
    throw new Fault("conflict", `nodes still run: ${which}; end them with dwbase deploy stop first`);
  }
  const dir = groupDir(root, "devnet");
  if (!existsSync(dir)) return [];
  rmSync(dir, { recursive: true });
  return [dir];
}
