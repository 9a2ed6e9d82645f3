/** Rank 8: the one facade of the memory; owns the writer and recall threads. See DESIGN.md. */
export { type EngineOptions, ThreadedEngine } from "./engine.ts";
export { indexStatusOf } from "./index-status.ts";
export { BEAT, BEAT_MS, type ThreadStatus, type VectorBudget } from "./protocol.ts";
export type { StageSink, StageTime } from "./stages.ts";
export type * from "./types.ts";
