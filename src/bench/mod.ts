/** Rank 11: `dwbase bench`, the figures of this device. */
export { type BenchOptions, type BenchReport, bench } from "./bench.ts";
