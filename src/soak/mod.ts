/** Rank 11: `dwbase test soak`, a mixed load with real faults beside a model of what must be there. */
export { page, type SoakReport } from "./report.ts";
export { type SoakOptions, soak } from "./soak.ts";
