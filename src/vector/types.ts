/** One row of a world: its sequence and its int8 components, as many as the space has dimensions. */
export interface VectorRow {
  seq: number;
  q: Uint8Array;
}

/**
 * Where the vectors of one space lie; the index is only a cache of it. Within a world rows are added in ascending
 * sequence and never change; a removal moves the world's epoch. What adds a row below the newest one calls
 * `VectorIndex.drop`.
 */
export interface VectorSource {
  /** The next rows with a sequence over `after`, ascending, at most `limit`. */
  scan(world: number, after: number, limit: number): VectorRow[];
  get(world: number, seq: number): Uint8Array | undefined;
}

/** What the caller knows about a world at the moment of a question. */
export interface WorldVectors {
  id: number;
  /** Newest sequence of the world. */
  lastSeq: number;
  /** Counts removals: one more for each atom that was removed. */
  epoch: number;
  /** How many vectors there are at most; the number of atoms will do. */
  size: number;
}

export interface Hit {
  seq: number;
  /** In [-1, 1]. */
  cosine: number;
}

export interface SearchOptions {
  /** Whether a filter lets an atom into the answer; called for few atoms, best first. */
  accept?: (seq: number) => boolean;
  /** Told which atoms `accept` is about to be asked for, so that it can look them up together. */
  expect?: (seqs: readonly number[]) => void;
  /** All that can be accepted, where they are few: they are looked up one by one. */
  few?: ReadonlySet<number> | undefined;
  /** Called between chunks; what it throws ends the search. */
  checkDeadline?: () => void;
}

export interface SearchResult {
  mode: "exact" | "ann";
  /** Best first; of equal cosines the newer atom first. */
  hits: Hit[];
  /** Cosine of any atom of the world, 0 for one without a vector. Valid until the next search. */
  cosine(seq: number): number;
}
