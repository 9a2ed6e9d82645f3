import { Fault, systemClock } from "../base/mod.ts";
import { type Config, checkKey, type Env } from "../config/mod.ts";
import { ADMIN_KEY, API_KEY, EMBEDDER_KEY, Secrets } from "../secrets/mod.ts";
import { type Keyring, keyringOf } from "../storage/mod.ts";
import type { Logger } from "../telemetry/mod.ts";

/**
 * Looks the node's secrets up where node.secrets_backend says and puts them where `config` gives them to the parts:
 * what the environment alone had given does not count when the backend is `file`.
 * @throws Fault usage for a secret that cannot be one, storage_error for a file that cannot be read
 */
export function openSecrets(config: Config, env: Env, logger: Logger): Secrets {
  const secrets = new Secrets({ backend: config.node.secretsBackend, env, clock: systemClock });
  const read = (key: string, reader: string): string => {
    const value = secrets.read(key, reader) ?? "";
    const problem = checkKey(key, value, config.env.production);
    if (problem !== undefined) throw new Fault("usage", problem);
    return value;
  };
  config.env.apiKey = read(API_KEY, "authentication");
  config.env.adminApiKey = read(ADMIN_KEY, "authentication");
  if (config.node.embedder === "http") config.env.embedderKey = read(EMBEDDER_KEY, "embedder");
  const keys = secrets.keys().map(({ key, source }) => `${key} (${source})`);
  logger.info({ backend: secrets.backend, directories: secrets.directories, keys }, "secrets");
  return secrets;
}

/** The keys of the storage; the one that the configuration names comes from where secrets are looked up. */
export function storageKeys({ node, storage }: Config, env: Env, secrets: Secrets): Keyring {
  const wanted = storage.encryptionEnabled ? storage.keyId : "";
  const given = node.secretsBackend === "file" ? {} : env;
  return keyringOf(given, wanted, (name) => secrets.read(name, "encryption"));
}
