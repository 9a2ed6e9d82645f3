/** Rank 3: where keys and other secrets are looked up, and who read which one when. */
export {
  ADMIN_KEY,
  API_KEY,
  EMBEDDER_KEY,
  type SecretRead,
  type SecretSource,
  Secrets,
  type SecretsBackend,
  type SecretsOptions,
  STORAGE_KEY_PREFIX,
} from "./secrets.ts";
