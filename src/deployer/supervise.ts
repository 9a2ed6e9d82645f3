import { LIMITS } from "../base/mod.ts";
import { type Place, type Started, startNode } from "./node.ts";
import { endProcesses } from "./process.ts";
import { type Group, record, unrecord } from "./state.ts";

/** A node asks for this when it wants to be started anew. */
const RESTART = 75;

/** A child that is stopped gets this long before it is killed: the node's own time to close, and no more. */
export const STOP_GRACE_MS = 10_000;

/** The nodes that one command started and looks after. */
export class Supervisor {
  private stopping = false;
  private nodes: Started[] = [];

  constructor(
    private readonly place: Place,
    private readonly group: Group,
    private readonly say: (message: string) => void,
  ) {}

  get records() {
    return this.nodes.map((node) => node.record);
  }

  add(node: Started): void {
    this.nodes.push(node);
    record(this.place.root, this.group, [node.record]);
  }

  /** Ends the nodes that this command started, and only those. */
  async stop(): Promise<void> {
    this.stopping = true;
    await endProcesses(this.records, STOP_GRACE_MS);
    unrecord(
      this.place.root,
      this.group,
      this.records.map(({ pid }) => pid),
    );
  }

  /** Looks after the nodes until all have ended. Resolves with the exit code: a single node's own, else 0 or 1. */
  async wait(): Promise<number> {
    const codes = await Promise.all(this.nodes.map((_, at) => this.keep(at)));
    if (codes.length === 1) return codes[0]!;
    return codes.every((code) => code === 0) ? 0 : 1;
  }

  /** Restarts a node as long as it asks for it, within bounds. */
  private async keep(at: number): Promise<number> {
    const restarts: number[] = [];
    for (;;) {
      const node = this.nodes[at]!;
      const code = await node.ended;
      if (this.stopping) return 0;
      unrecord(this.place.root, this.group, [node.record.pid]);
      const { id, log } = node.plan;
      if (code !== RESTART) {
        this.say(
          `node ${id} ${code === null ? "was ended by a signal" : `ended with code ${code}`}; its log is ${log}`,
        );
        return code ?? 1;
      }
      const now = performance.now();
      restarts.push(now);
      if (restarts.filter((time) => now - time < LIMITS.restartWindowMs).length > LIMITS.restarts) {
        this.say(`node ${id} asks for a restart again and again and is left stopped; its log is ${log}`);
        return RESTART;
      }
      this.nodes[at] = startNode(this.place, node.plan, false);
      record(this.place.root, this.group, [this.nodes[at]!.record]);
      this.say(`node ${id} asked for a restart and runs again as PID ${this.nodes[at]!.record.pid}`);
    }
  }
}
