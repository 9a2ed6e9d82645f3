/** Rank 4: the typed HTTP client of the command line. */
export * from "./address.ts";
export * from "./client.ts";
export * from "./lines.ts";
export * from "./types.ts";
export * from "./upload.ts";
