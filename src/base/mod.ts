/** Rank 1: what every room may lean on. */
export * from "./build.ts";
export * from "./bytes.ts";
export * from "./circuit.ts";
export * from "./clock.ts";
export * from "./errors.ts";
export * from "./files.ts";
export * from "./heap.ts";
export * from "./ids.ts";
export * from "./io.ts";
export * from "./limits.ts";
export * from "./lru.ts";
export * from "./paths.ts";
export * from "./self.ts";
export * from "./stage.ts";
export * from "./time.ts";
export * from "./volatile.ts";
export * from "./work-directory.ts";
