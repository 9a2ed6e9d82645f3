/** Rank 12: the command line. */
export { type Io, processIo } from "./io.ts";
export { run } from "./run.ts";
