/** Rank 5: exact and approximate search over int8 vectors. */
export { loadAddon } from "./addon.ts";
export type { AnnOptions, AnnStatus } from "./ann.ts";
export { slabRows } from "./block.ts";
export { annFromRows, VectorIndex, type VectorIndexOptions } from "./index.ts";
export { SqliteVectors } from "./sqlite-source.ts";
export { sweepSnapshots } from "./sweep.ts";
export type { Hit, SearchOptions, SearchResult, VectorRow, VectorSource, WorldVectors } from "./types.ts";
