import { fromText, readBoolean, type Value } from "./kinds.ts";
import { tryListen } from "./listen.ts";
import { nearest } from "./nearest.ts";
import { redactUrl } from "./redact.ts";
import { type Environment, envName, SETTINGS, TABLES } from "./settings.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** A setting as some source gives it. */
export interface Given {
  value: Value;
  /** "flag", "env NAME" or "file PATH:LINE". */
  from: string;
}

/** Names of the guides for settings that have their own `DWBASE_<SECTION>_<KEY>`; of two, the first that is set counts. */
export const ALIASES: readonly (readonly [name: string, key: string])[] = [
  ["DWBASE_MAX_RAM_MB", "node.limits.max_ram_mb"],
  ["DWBASE_MAX_DISK_MB", "node.limits.max_disk_mb"],
  ["WW_SESSION_ID", "memory.default_session"],
  ["WW_API_CORS_ORIGINS", "node.cors_origins"],
  ["WW_CORS_ALLOWED_ORIGINS", "node.cors_origins"],
  ["WW_OTEL_ENABLED", "telemetry.otel_enabled"],
  ["WW_OTEL_ENDPOINT", "telemetry.otel_endpoint"],
  ["WW_EMBEDDING_MODEL", "embedder.model"],
  ["WW_EMBEDDING_DIMENSION", "embedder.dimension"],
  ["WW_EMBEDDING_CACHE_SIZE", "embedder.cache_size"],
  ["WW_FSRS_DEFAULT_STABILITY", "memory.default_stability"],
  ["WW_FSRS_RETENTION_TARGET", "memory.retention_target"],
  ["WW_HEBBIAN_LEARNING_RATE", "memory.hebbian_learning_rate"],
  ["WW_RETRIEVAL_SEMANTIC_WEIGHT", "memory.semantic_weight"],
  ["WW_RETRIEVAL_RECENCY_WEIGHT", "memory.recency_weight"],
  ["WW_RETRIEVAL_OUTCOME_WEIGHT", "memory.outcome_weight"],
  ["WW_RETRIEVAL_IMPORTANCE_WEIGHT", "memory.importance_weight"],
  ["WW_SECRETS_BACKEND", "node.secrets_backend"],
];

/** Names that are no setting but mean something, here or to the command line. */
export const OTHER_NAMES: Readonly<Record<string, string>> = {
  DWBASE_CONFIG: "configuration file, when --config is absent",
  DWBASE_DATA_DIR:
    "root of the deploy helper's state, logs and configs (default .dwbase); not the node's data_dir",
  DWBASE_READY_REQUIRE_INDEX: "1: /readyz answers 503 while an index is not ready",
  DWBASE_API: "node that the commands talk to (default http://127.0.0.1:8080)",
  DWBASE_API_KEY: "key that the commands send",
  WW_API_HOST: "host of node.listen",
  WW_API_PORT: "port of node.listen",
  WW_API_KEY: "a key for everything but admin",
  WW_ADMIN_API_KEY: "an admin key",
  DWBASE_EMBEDDER_KEY: "key that the embedding provider is sent",
  WW_ENVIRONMENT: "production: no anonymous callers, strict keys and origins",
};

/** Prefixes of names whose rest is chosen by the user. */
const FREE_PREFIXES = ["DWBASE_KEY_", "WW_FLAG_"];

/** Names of the original that mean nothing in one executable, with what takes their place. */
const MEANINGLESS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/^(WW_)?NEO4J_/, "the graph lives in the node's own database (node.data_dir)"],
  [/^(WW_QDRANT_|QDRANT__)/, "vectors live in the node's own database (node.data_dir)"],
  [/^WW_API_WORKERS$/, "one process serves all requests on threads of its own"],
  [
    /^WW_EMBEDDING_(DEVICE|BATCH_SIZE|USE_FP16)$/,
    'the built-in embedder needs no tuning; node.embedder = "http" uses another',
  ],
  [/^WW_(RATE_LIMITER_BACKEND|REDIS_URL)$/, "rates are counted inside the node (node.security)"],
];

/** An empty variable counts as unset. */
export function variable(env: Env, name: string): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === undefined || value.trim() === "" ? undefined : value;
}

/** What was read, what is wrong (the start stops) and what is worth a word. */
export interface Findings {
  problems: string[];
  notices: string[];
}

/** Settings of the environment by dotted key. A setting's own name goes before an alias. */
export function readEnvironment(env: Env, found: Findings): Map<string, Given> {
  const names: [string, string][] = [...SETTINGS.keys()].map((key) => [envName(key), key]);
  const given = new Map<string, Given>();
  for (const [name, key] of [...names, ...ALIASES]) {
    const raw = variable(env, name);
    if (raw === undefined) continue;
    const { setting } = SETTINGS.get(key)!;
    const value = setting.read(fromText(setting.kind, raw));
    if (value === undefined) {
      found.problems.push(
        `the environment variable ${name} (${key}) is "${redactUrl(raw)}"; it must be ${setting.accepts}`,
      );
      continue;
    }
    const earlier = given.get(key);
    if (earlier === undefined) given.set(key, { value, from: `env ${name}` });
    else if (String(earlier.value) !== String(value)) {
      found.notices.push(
        `${name} is not used, since ${earlier.from.slice("env ".length)} sets ${key} as well`,
      );
    }
  }
  return given;
}

const HOST_AND_PORT = ["WW_API_HOST", "WW_API_PORT"] as const;

/**
 * Puts WW_API_HOST and WW_API_PORT into the listen address that the file or the default gives; DWBASE_NODE_LISTEN
 * goes before them.
 */
export function applyHostAndPort(env: Env, listen: string, given: Map<string, Given>, found: Findings): void {
  const names = HOST_AND_PORT.filter((name) => variable(env, name) !== undefined).join(" and ");
  if (names === "") return;
  const own = given.get("node.listen");
  const base = tryListen(own ? String(own.value) : listen);
  const [tcpHost, tcpPort] = base?.kind === "tcp" ? [base.host, base.port] : ["127.0.0.1", 8080];
  const host =
    variable(env, "WW_API_HOST")
      ?.trim()
      .replace(/^\[(.*)\]$/, "$1") ?? tcpHost;
  const port = variable(env, "WW_API_PORT")?.trim() ?? String(tcpPort);
  const value = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (tryListen(value) === undefined) {
    found.problems.push(
      `${names}: the listen address becomes "${value}"; it must be host:port (127.0.0.1:8080)`,
    );
  } else if (own === undefined) given.set("node.listen", { value, from: `env ${names}` });
  else if (own.value !== value)
    found.notices.push(`${names}: not used, since DWBASE_NODE_LISTEN is set as well`);
}

const ENVIRONMENTS = ["development", "test", "staging", "production"];

/** What is no setting of the file. Values of keys never appear in a message. */
export function readOwn(env: Env, found: Findings): Environment {
  const environment = variable(env, "WW_ENVIRONMENT")?.trim().toLowerCase() ?? "";
  if (environment !== "" && !ENVIRONMENTS.includes(environment)) {
    found.problems.push(
      `the environment variable WW_ENVIRONMENT is "${environment}"; it must be one of ${ENVIRONMENTS.join(", ")}`,
    );
  }
  const flags: Record<string, boolean> = {};
  for (const name of Object.keys(env)) {
    if (!name.startsWith("WW_FLAG_")) continue;
    const on = readSwitch(env, name, found);
    if (on !== undefined) flags[name.slice("WW_FLAG_".length).toLowerCase()] = on;
  }
  const production = environment === "production";
  return {
    environment,
    production,
    apiKey: readKey(env, "WW_API_KEY", production, found),
    adminApiKey: readKey(env, "WW_ADMIN_API_KEY", production, found),
    embedderKey: readKey(env, "DWBASE_EMBEDDER_KEY", production, found),
    readyRequireIndex: readSwitch(env, "DWBASE_READY_REQUIRE_INDEX", found) ?? false,
    flags,
  };
}

function readSwitch(env: Env, name: string, found: Findings): boolean | undefined {
  const raw = variable(env, name);
  if (raw === undefined) return undefined;
  const on = readBoolean(raw);
  if (on === undefined)
    found.problems.push(`the environment variable ${name} is "${raw}"; it must be true or false`);
  return on;
}

/** Under WW_ENVIRONMENT=production a key or secret is at least this long. */
const PRODUCTION_KEY_CHARS = 16;

/**
 * What is wrong with a key, as a sentence without it; undefined when nothing is. A key travels in a header, so only
 * printable ASCII without spaces can ever match.
 */
export function checkKey(name: string, key: string, production: boolean): string | undefined {
  if (!/^[!-~]*$/.test(key)) {
    return `the key in ${name} cannot travel in a header; use printable ASCII without spaces`;
  }
  if (!production || key === "" || key.length >= PRODUCTION_KEY_CHARS) return undefined;
  return `the key in ${name} has ${key.length} characters; in production it must have at least ${PRODUCTION_KEY_CHARS}`;
}

function readKey(env: Env, name: string, production: boolean, found: Findings): string {
  const key = variable(env, name)?.trim() ?? "";
  const problem = checkKey(name, key, production);
  if (problem !== undefined) found.problems.push(problem);
  return key;
}

/** One notice for each family of names without meaning here, and one for each name that is close to a known one. */
export function noticeNames(env: Env, notices: string[]): void {
  const set = Object.keys(env)
    .filter((name) => variable(env, name) !== undefined)
    .sort();
  for (const [pattern, instead] of MEANINGLESS) {
    const names = set.filter((name) => pattern.test(name));
    if (names.length > 0) notices.push(`${names.join(", ")}: not needed here; ${instead}`);
  }
  const known = knownNames();
  for (const name of set) {
    if (known.has(name) || FREE_PREFIXES.some((p) => name.startsWith(p)) || !isOurs(name)) continue;
    if (MEANINGLESS.some(([pattern]) => pattern.test(name))) continue;
    const near = nearest(name, known);
    notices.push(
      `${name} is not a setting and is not used${near === undefined ? "" : `; did you mean ${near}?`}`,
    );
  }
}

/** Every name that has a meaning. */
export function knownNames(): Set<string> {
  return new Set([
    ...[...SETTINGS.keys()].map(envName),
    ...ALIASES.map(([name]) => name),
    ...Object.keys(OTHER_NAMES),
  ]);
}

/** World Weaver's names, and ours under a known section; other DWBASE_ names may belong to scripts around the node. */
function isOurs(name: string): boolean {
  return name.startsWith("WW_") || TABLES.some((table) => name.startsWith(`${envName(table)}_`));
}
