import type { Clock } from "../base/mod.ts";
import { HttpEmbedder } from "./http.ts";
import { StaticEmbedder } from "./static.ts";

/** The settings of node.embedder and [embedder], as the configuration names them, and the provider's key. */
export interface EmbedderSettings {
  embedder: "static" | "http" | "none";
  url: string;
  model: string;
  dimension: number;
  timeoutMs: number;
  cacheSize: number;
  key?: string;
}

/**
 * The embedder of this thread, or undefined for "none": answers then rest on words alone.
 * @param shared the model from `loadModel`, needed for "static"
 */
export function createEmbedder(
  settings: EmbedderSettings,
  shared: SharedArrayBuffer | undefined,
  clock: Clock,
): StaticEmbedder | HttpEmbedder | undefined {
  const { embedder, ...provider } = settings;
  if (embedder === "none") return undefined;
  if (embedder === "http") return new HttpEmbedder({ ...provider, clock });
  if (shared === undefined) throw new Error("the static embedder needs the model's memory");
  return new StaticEmbedder(shared);
}
