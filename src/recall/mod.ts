/** Rank 6: how an ask is ranked and explained. See DESIGN.md. */
export { calibrated } from "./likeness.ts";
export { recall, recallCandidates } from "./recall.ts";
export type {
  Candidates,
  Recalled,
  RecallOptions,
  Score,
  Semantic,
  SemanticQuery,
  SemanticSearch,
  Signal,
} from "./types.ts";
export { SCALE, SIGNALS } from "./types.ts";
