/** Rank 7: episodes, entities and skills over atoms. See DESIGN.md. */

export * from "./checks.ts";
export { type ConsolidationResults, consolidationSlice, dueConsolidations } from "./consolidate.ts";
export { type Answered, readMemory, writeMemory } from "./dispatch.ts";
export { checkImport, type ImportAnswer, type ImportList } from "./imports.ts";
export type { EpisodeChange, FamilyName, MemoryRead, MemoryWrite, NewEpisode } from "./requests.ts";
export * as memorySchemas from "./schemas.ts";
export { sessionOfWorld, worldName } from "./sessions.ts";
export * from "./types.ts";
