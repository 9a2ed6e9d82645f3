/** Rank 6: how an ask is ranked and explained. See DESIGN.md. */
export { recall } from "./recall.ts";
export type {
  Recalled,
  RecallOptions,
  Score,
  Semantic,
  SemanticQuery,
  SemanticSearch,
  Signal,
} from "./types.ts";
export { SIGNALS } from "./types.ts";
