/** Rank 9: one set of checks for /health, /readyz and the metrics. */
export {
  type BoardOptions,
  HealthBoard,
  OBSERVE_MS,
  ramBudget,
  residentBytes,
  type Stage,
  stageOf,
} from "./board.ts";
