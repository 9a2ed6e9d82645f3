import { Fault, LIMITS, ownCommand } from "../../base/mod.ts";
import { deployRoot } from "../../config/mod.ts";
import {
  clean,
  groupDir,
  type NodeRecord,
  type Place,
  type Supervisor,
  startDevnet,
  startLocal,
  stateFile,
  status,
  stopAll,
} from "../../deployer/mod.ts";
import type { Action, Context, Word } from "../command.ts";

const DETACH = { flags: "--detach", about: "leave the node running and return" };

export const word: Word = {
  summary: "start and stop nodes on this machine",
  actions: {
    local: localAction("local", "start one node with the local template"),
    edge: localAction("edge", "start one node with the edge template"),
    devnet: {
      summary: "start several nodes on neighbouring ports",
      options: [
        { flags: "--nodes <n>", about: `how many, 1 to ${LIMITS.devnetNodes} (default 3)` },
        { flags: "--base-port <port>", about: "port of the first node (default 7000)" },
      ],
      examples: ["dwbase deploy devnet --nodes 3 --base-port 7000"],
      run: devnet,
    },
    status: {
      summary: "show the nodes that were started and how they are",
      examples: ["dwbase deploy status", "dwbase deploy status --json"],
      run: showStatus,
    },
    stop: {
      summary: "end the nodes that were started",
      examples: ["dwbase deploy stop"],
      run: stop,
    },
    clean: {
      summary: "remove the devnet's directories",
      options: [{ flags: "--yes", about: "really remove them" }],
      examples: ["dwbase deploy clean --yes"],
      run: cleanUp,
    },
  },
};

function placeOf({ io }: Context): Place {
  return { root: deployRoot(io.env, io.cwd), cwd: io.cwd, env: io.env, self: ownCommand() };
}

function localAction(template: string, summary: string): Action {
  const file = `deploy/${template}.toml`;
  return {
    summary,
    options: [{ flags: "--config <file>", about: `configuration (default ${file})` }, DETACH],
    examples: [`dwbase deploy ${template} --config ${file}`, `dwbase deploy ${template} --detach`],
    async run(context) {
      const { args, print } = context;
      const config = args.text("config") ?? file;
      const detached = args.has("detach");
      const supervisor = await startLocal(placeOf(context), {
        config,
        detached,
        say: (text) => print.note(text),
      });
      const node = supervisor.records[0]!;
      if (print.json) print.document(node);
      else print.fields(fieldsOf(node));
      if (detached) return 0;
      print.note("Ctrl+C ends the node");
      return lookAfter(context, supervisor);
    },
  };
}

function fieldsOf(node: NodeRecord): [string, string][] {
  return [
    ["listen", node.listen],
    ["data dir", node.data_dir],
    ["pid", String(node.pid)],
    ["config", node.config],
    ["log", node.log],
  ];
}

async function devnet(context: Context): Promise<number> {
  const { args, print } = context;
  const place = placeOf(context);
  const supervisor = await startDevnet(place, {
    nodes: args.number("nodes", { min: 1, max: LIMITS.devnetNodes, whole: true }) ?? 3,
    basePort: args.number("base-port", { min: 1, max: 65_535, whole: true }) ?? 7000,
    say: (text) => print.note(text),
  });
  const state = stateFile(place.root, "devnet");
  if (print.json) print.document({ nodes: supervisor.records, state });
  else {
    const rows = supervisor.records.map((node) => [
      node.id,
      String(node.port),
      String(node.pid),
      node.data_dir,
    ]);
    print.table(["ID", "PORT", "PID", "DATA DIR"], rows);
    print.line(`state: ${state}`);
  }
  print.note("Ctrl+C ends these nodes");
  return lookAfter(context, supervisor);
}

/** Until the nodes have ended, by themselves or because this command was told to stop. */
async function lookAfter({ io }: Context, supervisor: Supervisor): Promise<number> {
  let stopped: Promise<void> | undefined;
  const off = io.onStop(() => {
    stopped = supervisor.stop();
  });
  const code = await supervisor.wait();
  off();
  await stopped;
  return code;
}

async function showStatus(context: Context): Promise<void> {
  const { print } = context;
  const nodes = await status(placeOf(context).root);
  if (print.json) return print.document(nodes);
  if (nodes.length === 0) return print.note("no node was started here; see dwbase deploy --help");
  const rows = nodes.map((node) => [node.id, node.listen, String(node.pid), node.health, node.data_dir]);
  print.table(["ID", "LISTEN", "PID", "HEALTH", "DATA DIR"], rows);
}

async function stop(context: Context): Promise<void> {
  const { print } = context;
  const { nodes, killed } = await stopAll(placeOf(context).root);
  if (print.json) return print.document({ stopped: nodes.map(({ id, pid }) => ({ id, pid })), killed });
  if (nodes.length === 0) return print.note("no node runs");
  for (const { id, pid } of nodes) {
    print.line(
      `${id} (PID ${pid}) ${killed.includes(pid) ? "was killed: it did not end within 10 s" : "ended"}`,
    );
  }
}

async function cleanUp(context: Context): Promise<void> {
  const { args, print } = context;
  const { root } = placeOf(context);
  if (!args.has("yes")) {
    throw new Fault(
      "usage",
      `this removes ${groupDir(root, "devnet")} with all that its nodes remember; add --yes`,
    );
  }
  const removed = clean(root);
  if (print.json) return print.document({ removed });
  if (removed.length === 0) return print.note("there is nothing to remove");
  for (const dir of removed) print.line(`removed ${dir}`);
}
