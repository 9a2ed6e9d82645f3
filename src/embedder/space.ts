/** Vectors can be compared only within one space; a change of any part embeds everything anew. */
export interface Space {
  model: string;
  dimension: number;
  version: number;
}

/** One word for a space, as the index status and file names show it: `static-minilm-256-v1`. */
export function spaceName(space: Space): string {
  const model = space.model.replaceAll(/[^A-Za-z0-9._-]+/g, "-");
  return `${model}-${space.dimension}-v${space.version}`;
}

/** What makes vectors. Every vector is at length 1, or all zero for a text that says nothing to the model. */
export interface Embedder {
  readonly kind: "static" | "http";
  readonly space: Space;
  embedMany(texts: readonly string[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>[]>;
}
