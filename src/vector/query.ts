import { dot, inverseNorm, signed } from "./kernel.ts";

/** A question's vector with 1 / its length, 0 for the zero vector. */
export interface Query {
  vector: Int8Array;
  inverse: number;
}

export function queryOf(vector: Int8Array): Query {
  return { vector, inverse: inverseNorm(vector) };
}

/** Cosine with a stored row: the very number that a scan gives. 0 for no row or one of another length. */
export function cosineOf(query: Query, row: Uint8Array | undefined): number {
  if (row?.length !== query.vector.length) return 0;
  const vector = signed(row);
  return dot(vector, 0, query.vector) * inverseNorm(vector) * query.inverse;
}
