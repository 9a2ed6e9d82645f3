import { join, resolve } from "node:path";
import { type Env, OTHER_NAMES, variable } from "./environment.ts";
import type { Loaded } from "./load.ts";
import { redactUrl } from "./redact.ts";
import { SETTINGS } from "./settings.ts";
import { formatValue } from "./toml.ts";

/** A line of `config show`. */
export interface Row {
  key: string;
  /** As TOML; secrets are replaced. */
  value: string;
  source: string;
  /** What it is for. */
  doc: string;
}

/** Every effective setting with its source. No secret is in the answer: keys are "(set)", URLs lose their password. */
export function describe({ config, sources }: Loaded): Row[] {
  const rows = Object.entries(sources).map(([key, { value, from }]): Row => {
    const shown = formatValue(typeof value === "string" ? redactUrl(value) : value);
    return { key, value: shown, source: from, doc: SETTINGS.get(key)!.setting.doc };
  });
  const { environment, apiKey, adminApiKey, embedderKey, readyRequireIndex, flags } = config.env;
  const own = (key: string, isSet: boolean, value: string, doc = OTHER_NAMES[key]!) =>
    rows.push({ key, value, source: isSet ? `env ${key}` : "default", doc });
  const secret = (key: string) => (key === "" ? '""' : "(set)");
  own("WW_ENVIRONMENT", environment !== "", JSON.stringify(environment));
  own("WW_API_KEY", apiKey !== "", secret(apiKey));
  own("WW_ADMIN_API_KEY", adminApiKey !== "", secret(adminApiKey));
  own("DWBASE_EMBEDDER_KEY", embedderKey !== "", secret(embedderKey));
  own("DWBASE_READY_REQUIRE_INDEX", readyRequireIndex, String(readyRequireIndex));
  for (const [name, on] of Object.entries(flags)) {
    own(`WW_FLAG_${name.toUpperCase()}`, true, String(on), "a feature flag");
  }
  return rows;
}

/** Root of the deploy helper's state, logs and configs; a node's own data_dir has nothing to do with it. */
export function deployRoot(env: Env, cwd: string): string {
  return resolve(cwd, variable(env, "DWBASE_DATA_DIR") ?? join(cwd, ".dwbase"));
}
