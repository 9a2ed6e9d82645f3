import { join, resolve } from "node:path";
import { type Env, variable } from "./environment.ts";
import type { Loaded } from "./load.ts";
import { redactUrl } from "./redact.ts";
import { formatValue } from "./toml.ts";

/** A line of `config show`. */
export interface Row {
  key: string;
  /** As TOML; secrets are replaced. */
  value: string;
  source: string;
}

/** Every effective setting with its source. No secret is in the answer: keys are "set" or "", URLs lose their password. */
export function describe({ config, sources }: Loaded): Row[] {
  const rows = Object.entries(sources).map(([key, { value, from }]): Row => {
    return { key, value: formatValue(typeof value === "string" ? redactUrl(value) : value), source: from };
  });
  const { production, apiKey, adminApiKey, readyRequireIndex, flags } = config.env;
  const secret = (key: string) => (key === "" ? '""' : "(set)");
  const own: [name: string, value: string, isSet: boolean][] = [
    ["WW_ENVIRONMENT", production ? '"production"' : '""', production],
    ["WW_API_KEY", secret(apiKey), apiKey !== ""],
    ["WW_ADMIN_API_KEY", secret(adminApiKey), adminApiKey !== ""],
    ["DWBASE_READY_REQUIRE_INDEX", String(readyRequireIndex), readyRequireIndex],
    ...Object.entries(flags).map(([name, on]): [string, string, boolean] => [
      `WW_FLAG_${name.toUpperCase()}`,
      String(on),
      true,
    ]),
  ];
  for (const [key, value, isSet] of own) rows.push({ key, value, source: isSet ? `env ${key}` : "default" });
  return rows;
}

/** Root of the deploy helper's state, logs and configs; a node's own data_dir has nothing to do with it. */
export function deployRoot(env: Env, cwd: string): string {
  return resolve(cwd, variable(env, "DWBASE_DATA_DIR") ?? join(cwd, ".dwbase"));
}
