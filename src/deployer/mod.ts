/** Rank 11: nodes for play and development on this machine: local, edge, devnet. */
export { clean, type DevnetOptions, startDevnet } from "./devnet.ts";
export { type NodeStatus, type Stopped, status, stopAll } from "./fleet.ts";
export { type LocalOptions, startLocal } from "./local.ts";
export type { Place } from "./node.ts";
export { endProcesses, type Identity, identify, isRunning } from "./process.ts";
export { type Group, groupDir, type NodeRecord, prune, readState, record, stateFile } from "./state.ts";
export type { Supervisor } from "./supervise.ts";
