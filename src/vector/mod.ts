/** Rank 5: exact and approximate search over int8 vectors. */
export { VectorIndex, type VectorIndexOptions } from "./index.ts";
export { SqliteVectors } from "./sqlite-source.ts";
export type { Hit, SearchOptions, SearchResult, VectorRow, VectorSource, WorldVectors } from "./types.ts";
