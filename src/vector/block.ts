import { type Arena, SLAB_BYTES } from "./arena.ts";
import { inverseNorm, LANES, signed } from "./kernel.ts";
import type { VectorRow } from "./types.ts";

/** How the rows of a space lie in a slab. */
export interface Shape {
  dimension: number;
  /** Bytes of a row: the dimension, padded with zeros. */
  stride: number;
  /** Rows of a slab. */
  rows: number;
}

export function shapeOf(dimension: number): Shape {
  const stride = Math.ceil(dimension / LANES) * LANES;
  return { dimension, stride, rows: Math.floor(SLAB_BYTES / stride) };
}

/** Vectors of a space that one slab holds: a world of no more is scanned without keeping any. */
export function slabRows(dimension: number): number {
  return shapeOf(dimension).rows;
}

/** A slab of rows in ascending sequence. */
export class Block {
  count = 0;
  readonly seqs: Float64Array;
  readonly inverse: Float32Array;

  constructor(
    readonly slab: number,
    private readonly shape: Shape,
  ) {
    this.seqs = new Float64Array(shape.rows);
    this.inverse = new Float32Array(shape.rows);
  }

  get room(): number {
    return this.shape.rows - this.count;
  }

  /** Appends rows, at most `room`. Returns how many were left out since their length is not the space's. */
  append(arena: Arena, rows: readonly VectorRow[]): number {
    const { dimension, stride } = this.shape;
    const bytes = arena.bytes(this.slab);
    const before = this.count;
    for (const { seq, q } of rows) {
      if (q.length !== dimension) continue;
      const at = this.count * stride;
      const vector = signed(q);
      bytes.set(vector, at);
      if (stride > dimension) bytes.fill(0, at + dimension, at + stride);
      this.seqs[this.count] = seq;
      this.inverse[this.count] = inverseNorm(vector);
      this.count += 1;
    }
    return rows.length - (this.count - before);
  }

  /** Where a sequence stands, or -1. */
  indexOf(seq: number): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.seqs[middle]! < seq) low = middle + 1;
      else high = middle;
    }
    return low < this.count && this.seqs[low] === seq ? low : -1;
  }

  /** The components of a row, valid until the arena grows. */
  row(arena: Arena, index: number): Int8Array {
    const { dimension, stride } = this.shape;
    return arena.bytes(this.slab).subarray(index * stride, index * stride + dimension);
  }
}
