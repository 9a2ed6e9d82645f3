import type { Seal } from "./snapshot.ts";

/** Seal of a graph to be built; what only the end of the build knows is left out. */
export type Plan = Pick<Seal, "identity" | "world" | "epoch">;

export type ToBuilder =
  | { verify: { path: string } }
  /** `extend`: the snapshot at `path` is the base, if it is whole; no row was removed since. */
  | { build: { path: string; lib: string; dimension: number; plan: Plan; extend: boolean } }
  /** The next rows, ascending; none = that was all. */
  | { rows: { seqs: Float64Array; bytes: Int8Array } };

export type FromBuilder =
  | { verified: Seal }
  /** Asks for the rows after a sequence; `done` rows are in. */
  | { next: { after: number; done: number } }
  | { failed: string };
