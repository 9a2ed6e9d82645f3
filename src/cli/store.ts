import { systemClock } from "../base/mod.ts";
import type { Keyring, VectorMaker } from "../storage/mod.ts";
import type { Context } from "./command.ts";
import { configured } from "./node.ts";

/** The keys of encrypted stores, from where the configured node looks its secrets up. */
export async function storeKeys(context: Context): Promise<Keyring> {
  const { Secrets, STORAGE_KEY_PREFIX } = await import("../secrets/mod.ts");
  const { keyringOf } = await import("../storage/mod.ts");
  const backend = configured(context).config.node.secretsBackend;
  const secrets = new Secrets({ backend, env: context.io.env, clock: systemClock });
  const names = secrets.keys().filter(({ key }) => key.startsWith(STORAGE_KEY_PREFIX));
  return keyringOf(Object.fromEntries(names.map(({ key }) => [key, secrets.read(key, "storage")])));
}

/** Keys, and what makes vectors again where the configured node makes them itself. */
export async function storeOptions(context: Context): Promise<{ keyring: Keyring; vectors?: VectorMaker }> {
  const keyring = await storeKeys(context);
  if (configured(context).config.node.embedder !== "static") return { keyring };
  const { loadModel, StaticEmbedder } = await import("../embedder/mod.ts");
  const embedder = new StaticEmbedder(await loadModel());
  return { keyring, vectors: { space: embedder.space, embed: (text) => embedder.embedInt8(text) } };
}
