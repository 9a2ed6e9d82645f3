import { existsSync } from "node:fs";
import {
  Authenticator,
  bootstrapAdminKey,
  isOpen,
  type KeyEntry,
  type KeyRing,
  newKey,
} from "../auth/mod.ts";
import { Fault, layout } from "../base/mod.ts";
import { type Config, isLoopback, parseListen } from "../config/mod.ts";
import type { Logger } from "../telemetry/mod.ts";

/**
 * Who may come in. A node that is not open makes its admin key here, before the listener opens. An open node has one
 * too, for the control plane; it is written by `opened`, to be called once the data directory is known to be ours.
 * @throws Fault usage when production has no key at all
 */
export function openAuthenticator(
  config: Config,
  store: KeyRing,
  logger: Logger,
): { authenticator: Authenticator; opened: () => void } {
  const listen = parseListen(config.node.listen);
  const access = {
    loopback: listen.kind === "unix" || isLoopback(listen.host),
    allowAnonymous: config.security.allowAnonymous,
    production: config.env.production,
  };
  const keys: KeyEntry[] = [];
  if (config.env.apiKey !== "") keys.push({ name: "WW_API_KEY", key: config.env.apiKey, admin: false });
  if (config.env.adminApiKey !== "") {
    keys.push({ name: "WW_ADMIN_API_KEY", key: config.env.adminApiKey, admin: true });
  }
  const { adminKey } = layout(config.node.dataDir);
  if (access.production && keys.length === 0 && !existsSync(adminKey)) {
    throw new Fault(
      "usage",
      "WW_ENVIRONMENT=production needs a key: set WW_API_KEY or WW_ADMIN_API_KEY (16 characters or more)",
    );
  }
  const late = isOpen(access) && !existsSync(adminKey) ? newKey() : undefined;
  const keep = (): string => {
    const { key, created } = bootstrapAdminKey(adminKey, late);
    logger.info({ path: adminKey, created }, created ? "made the admin key" : "read the admin key");
    return key;
  };
  keys.push({ name: "admin", key: late ?? keep(), admin: true });
  const authenticator = new Authenticator({
    ...access,
    keys,
    store,
    security: {
      readWorlds: config.security.readWorlds,
      writeWorlds: config.security.writeWorlds,
      importanceCap: config.security.importanceCap,
    },
    corsOrigins: config.node.corsOrigins,
  });
  return { authenticator, opened: () => late && keepLate(keep, logger) };
}

/** An open node goes on without the file, on a full disk say; only control and keys ask for it. */
function keepLate(keep: () => void, logger: Logger): void {
  try {
    keep();
  } catch (cause) {
    logger.warn({ reason: (cause as Error).message }, "the admin key could not be written: control needs it");
  }
}
