import { viewModel } from "./model.ts";
import { PieceSplitter } from "./pieces.ts";
import { normalise, quantise } from "./quantise.ts";
import type { Embedder, Space } from "./space.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Name and version of the carried model; a new model file or another tokenising needs a new version. */
const MODEL = "static-minilm";
const VERSION = 1;

/**
 * The embedder in the executable: a text's vector is the mean of its word pieces' vectors. Synchronous, some
 * microseconds a text, a pure function of the text on every machine. One per thread over the shared model.
 */
export class StaticEmbedder implements Embedder {
  readonly kind = "static";
  readonly space: Space;
  private readonly values: Int8Array;
  private readonly splitter: PieceSplitter;
  /** Sums of whole numbers are exact and need no division: only the direction counts. */
  private readonly sums: Int32Array;

  /** @param shared from `loadModel`; not copied */
  constructor(shared: SharedArrayBuffer) {
    const { dimension, vocabulary, values } = viewModel(shared);
    this.space = { model: MODEL, dimension, version: VERSION };
    this.values = values;
    this.splitter = new PieceSplitter(new Vocabulary(vocabulary));
    this.sums = new Int32Array(dimension);
  }

  /** The text's vector at length 1; all zero when no word is known. */
  embed(text: string): Float32Array<ArrayBuffer> {
    this.sum(text);
    return normalise(this.sums);
  }

  /** The same direction as int8 (see `quantise`), without the way over floats. */
  embedInt8(text: string, out?: Int8Array<ArrayBuffer>): Int8Array<ArrayBuffer> {
    this.sum(text);
    return quantise(this.sums, out);
  }

  /** `embed` of each, for callers that take any embedder. */
  async embedMany(texts: readonly string[]): Promise<Float32Array<ArrayBuffer>[]> {
    return texts.map((text) => this.embed(text));
  }

  /** Four rows at a time: each is read once from end to end, 3.9 µs for 17 pieces against 6.3 column by column. */
  private sum(text: string): void {
    const { sums, values } = this;
    const { rows } = this.splitter;
    const count = this.splitter.split(text);
    const dimension = sums.length;
    sums.fill(0);
    let i = 0;
    for (; i + 3 < count; i += 4) {
      const a = rows[i]! * dimension;
      const b = rows[i + 1]! * dimension;
      const c = rows[i + 2]! * dimension;
      const d = rows[i + 3]! * dimension;
      for (let column = 0; column < dimension; column++) {
        sums[column]! +=
          values[a + column]! + values[b + column]! + values[c + column]! + values[d + column]!;
      }
    }
    for (; i < count; i++) {
      const a = rows[i]! * dimension;
      for (let column = 0; column < dimension; column++) sums[column]! += values[a + column]!;
    }
  }
}
