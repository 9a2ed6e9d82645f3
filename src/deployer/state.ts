import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { atomicWrite, ensureDir, Fault, readIfThere } from "../base/mod.ts";
import { type Identity, isRunning } from "./process.ts";

/** A node that was started, as state.json keeps it. */
export interface NodeRecord extends Identity {
  id: string;
  /** null on a Unix socket. */
  port: number | null;
  listen: string;
  data_dir: string;
  config: string;
  log: string;
}

/** The two groups of nodes, each with a directory and a state file of its own. */
export type Group = "local" | "devnet";
export const GROUPS: readonly Group[] = ["local", "devnet"];

export function groupDir(root: string, group: Group): string {
  return join(root, group);
}

export function stateFile(root: string, group: Group): string {
  return join(groupDir(root, group), "state.json");
}

/** Nodes recorded for a group, dead ones included. */
export function readState(root: string, group: Group): NodeRecord[] {
  const path = stateFile(root, group);
  const text = readIfThere(path);
  if (text === undefined) return [];
  try {
    const { nodes } = JSON.parse(text) as { nodes: NodeRecord[] };
    if (Array.isArray(nodes) && nodes.every(isRecord)) return nodes;
  } catch {
    // Said below.
  }
  throw new Fault("damaged", `${path} is damaged; see with ps whether nodes still run, then remove the file`);
}

function isRecord(value: unknown): value is NodeRecord {
  const { id, pid, start, executable } = (value ?? {}) as Partial<NodeRecord>;
  return (
    typeof id === "string" &&
    Number.isInteger(pid) &&
    typeof start === "string" &&
    typeof executable === "string"
  );
}

/** Nodes of a group that run; those that do not are taken out of the state file. */
export function prune(root: string, group: Group): NodeRecord[] {
  const recorded = readState(root, group);
  const running = recorded.filter(isRunning);
  if (running.length < recorded.length) writeState(root, group, running);
  return running;
}

/** Records nodes, in place of those of the same id. */
export function record(root: string, group: Group, nodes: readonly NodeRecord[]): void {
  const others = prune(root, group).filter((known) => !nodes.some(({ id }) => id === known.id));
  writeState(root, group, [...others, ...nodes]);
}

/** Takes out nodes by PID, unless another process has taken the id since. */
export function unrecord(root: string, group: Group, pids: readonly number[]): void {
  writeState(
    root,
    group,
    prune(root, group).filter(({ pid }) => !pids.includes(pid)),
  );
}

function writeState(root: string, group: Group, nodes: readonly NodeRecord[]): void {
  const path = stateFile(root, group);
  if (nodes.length === 0) {
    rmSync(path, { force: true });
    return;
  }
  ensureDir(dirname(path));
  atomicWrite(path, `${JSON.stringify({ nodes }, null, 2)}\n`);
}
