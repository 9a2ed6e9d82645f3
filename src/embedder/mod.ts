/** Rank 4: vectors of texts. */
export { createEmbedder, type EmbedderSettings } from "./create.ts";
export { HttpEmbedder, type HttpEmbedderOptions } from "./http.ts";
export { loadModel } from "./model.ts";
export { quantise } from "./quantise.ts";
export { type Embedder, type Space, spaceName } from "./space.ts";
export { StaticEmbedder } from "./static.ts";
