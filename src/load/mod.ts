/** Rank 5: what drives a node from outside: the node as a process, made-up memories, requests, latencies. */
export * from "./latencies.ts";
export * from "./node.ts";
export * from "./raw-client.ts";
export * from "./words.ts";
