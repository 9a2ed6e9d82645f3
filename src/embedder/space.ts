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
