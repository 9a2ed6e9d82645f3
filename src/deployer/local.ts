import { basename, join } from "node:path";
import { Fault } from "../base/mod.ts";
import { loadConfig, parseListen } from "../config/mod.ts";
import { type Place, type Plan, requireFree, startNode, waitReady } from "./node.ts";
import { groupDir, prune } from "./state.ts";
import { Supervisor } from "./supervise.ts";

export interface LocalOptions {
  /** Configuration file, such as `deploy/local.toml`; the carried template stands in when that is absent. */
  config: string;
  /** The node outlives this process, and nobody restarts it. */
  detached: boolean;
  say: (message: string) => void;
}

/** Starts one node; resolves when it answers. One that does not is ended again. */
export async function startLocal(place: Place, options: LocalOptions): Promise<Supervisor> {
  const plan = await planLocal(place, options);
  const supervisor = new Supervisor(place, "local", options.say);
  const node = startNode(place, plan, options.detached);
  supervisor.add(node);
  try {
    await waitReady(node);
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  return supervisor;
}

async function planLocal(place: Place, { config, say }: LocalOptions): Promise<Plan> {
  const loaded = loadConfig({ env: place.env, cwd: place.cwd, path: config });
  for (const notice of loaded.notices) say(notice);
  const id = basename(config, ".toml");
  const running = prune(place.root, "local").find((node) => node.id === id);
  if (running !== undefined) {
    const { pid, listen } = running;
    throw new Fault(
      "conflict",
      `node ${id} already runs as PID ${pid} on ${listen}; end it with dwbase deploy stop`,
    );
  }
  const listen = parseListen(loaded.config.node.listen);
  if (listen.kind === "tcp" && listen.port === 0) {
    throw new Fault("usage", `deploy needs a fixed port; change \`listen\` in ${config}`);
  }
  await requireFree(listen, `change \`listen\` in ${config}, or end what uses it`);
  const log = join(groupDir(place.root, "local"), `${id}.log`);
  return { id, listen, dataDir: loaded.config.node.dataDir, config: loaded.path ?? config, log };
}
