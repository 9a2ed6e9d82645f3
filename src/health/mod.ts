/** Rank 9: one set of checks for /health, /readyz and the metrics. */
export { type BoardOptions, type Budget, HealthBoard, OBSERVE_MS } from "./board.ts";
