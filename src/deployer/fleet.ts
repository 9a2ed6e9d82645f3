import { asFault } from "../base/mod.ts";
import { Client } from "../client/mod.ts";
import { apiOf, parseListen } from "../config/mod.ts";
import { endProcesses, isRunning } from "./process.ts";
import { GROUPS, type NodeRecord, prune, readState, unrecord } from "./state.ts";
import { STOP_GRACE_MS } from "./supervise.ts";

export interface NodeStatus extends NodeRecord {
  running: boolean;
  /** The node's own word ("ready", "degraded"), or why there is none. */
  health: string;
}

/** How long a node may take to say how it is, ms. */
const HEALTH_MS = 2000;

/** Every recorded node and how it is. */
export async function status(root: string): Promise<NodeStatus[]> {
  const nodes = GROUPS.flatMap((group) => readState(root, group));
  return Promise.all(
    nodes.map(async (node) => {
      const running = isRunning(node);
      return { ...node, running, health: running ? await healthOf(node) : "not running" };
    }),
  );
}

async function healthOf(node: NodeRecord): Promise<string> {
  try {
    const client = new Client({ api: apiOf(parseListen(node.listen)), timeoutMs: HEALTH_MS });
    return (await client.health()).status;
  } catch (error) {
    return asFault(error).code;
  }
}

export interface Stopped {
  nodes: NodeRecord[];
  /** PIDs that did not end by themselves within 10 s. */
  killed: number[];
}

/** Ends every recorded node that still runs and is ours. */
export async function stopAll(root: string, graceMs = STOP_GRACE_MS): Promise<Stopped> {
  const groups = GROUPS.map((group) => ({ group, running: prune(root, group) }));
  const nodes = groups.flatMap(({ running }) => running);
  const killed = await endProcesses(nodes, graceMs);
  for (const { group, running } of groups) {
    unrecord(
      root,
      group,
      running.map(({ pid }) => pid),
    );
  }
  return { nodes, killed };
}
