/** Rank 4: vectors of texts. */
export { loadModel } from "./model.ts";
export { quantise } from "./quantise.ts";
export { type Space, spaceName } from "./space.ts";
export { StaticEmbedder } from "./static.ts";
