import { isIP, isIPv4 } from "node:net";
import { LIMITS, MB } from "../base/mod.ts";
import { boolean, integer, list, number, oneOf, type Setting, text, type Value } from "./kinds.ts";
import { LISTEN_FORMS, tryListen } from "./listen.ts";

const DAY_MS = 86_400_000;
const MOST = 1_000_000_000;
/** Below this the resident set cannot be kept (spec floor); the RAM budget counts in MB. */
const RAM_FLOOR_MB = 128;
/** The ballast file is part of the disk budget and must leave room for data. */
const DISK_FLOOR_MB = (2 * LIMITS.ballastBytes) / MB;

const WORLDS = 'world names or prefixes that end in "*", such as "sensor/*"';

/** A world's name, or a prefix of names with the star at its end. */
function isWorldPattern(pattern: string): boolean {
  const name = pattern.replace(/\*$/, "");
  return pattern !== "" && name.length <= LIMITS.worldChars && !/[*\0-\x1f\x7f]/.test(name);
}

function isNetwork(item: string): boolean {
  const [address = "", bits, ...rest] = item.split("/");
  if (isIP(address) === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128));
}

function isHttpUrl(url: string): boolean {
  return /^https?:\/\//.test(url) && URL.canParse(url);
}

/** An origin as browsers send it: scheme, host and port, nothing after. */
function isOrigin(origin: string): boolean {
  return origin === "*" || (isHttpUrl(origin) && new URL(origin).origin === origin.toLowerCase());
}

const isUrlOrEmpty = (url: string) => url === "" || isHttpUrl(url);
const URL_OR_EMPTY = 'an http:// or https:// address, or "" for none';

/**
 * Every setting, in the order of the templates: sections as `Config` names them, each with its TOML table.
 * Types, defaults, environment names, checks and help all come from here.
 */
export const SECTIONS = {
  node: {
    table: "node",
    keys: {
      listen: text(
        "127.0.0.1:8080",
        "where the node listens",
        LISTEN_FORMS,
        (v) => tryListen(v) !== undefined,
      ),
      dataDir: text(".dwbase/local/data", "where the memory lies", "a directory", (v) => v.trim() !== ""),
      embedder: oneOf(["static", "http", "none"], "static", "where vectors of texts come from", {
        dummy: "static",
      }),
      trustedProxies: list(
        "proxies whose X-Forwarded-For counts",
        "IP addresses or CIDR networks",
        isNetwork,
      ),
      tlsCert: text("", "PEM certificate chain", 'a file, or "" for plain HTTP'),
      tlsKey: text("", "PEM private key", 'a file, or "" for plain HTTP'),
      corsOrigins: list(
        "web origins that may call",
        'origins such as "https://example.org", or "*"',
        isOrigin,
      ),
      secretsBackend: oneOf(["env", "file", "chained", "auto"], "auto", "where secrets are looked up"),
    },
  },
  security: {
    table: "node.security",
    keys: {
      readWorlds: list("worlds that may be read; [] = all", WORLDS, isWorldPattern),
      writeWorlds: list("worlds that may be written; [] = all", WORLDS, isWorldPattern),
      importanceCap: number(1, { min: 0, max: 1 }, "largest importance a caller may give"),
      rememberPerSec: number(
        0,
        { min: 0, max: MOST },
        "atoms a second for each key or address; 0 = unlimited",
      ),
      askPerMin: number(
        0,
        { min: 0, max: MOST },
        "questions a minute for each key or address; 0 = unlimited",
      ),
      allowAnonymous: oneOf(["loopback", "always", "never"], "loopback", "who may come without a key"),
    },
  },
  health: {
    table: "node.health",
    keys: {
      diskUsageDegraded: number(0.9, { min: 0, max: 1 }, "part of the volume in use that counts as degraded"),
      indexRebuildWarnSeconds: integer(
        300,
        { min: 1, max: 86_400 },
        "index rebuild time that earns a warning",
      ),
    },
  },
  storage: {
    table: "node.storage",
    keys: {
      encryptionEnabled: boolean(false, "encrypt payloads, labels and vectors at rest"),
      keyId: text("", "the key is in DWBASE_KEY_<KEY_ID>", "letters, digits and _", (v) =>
        /^\w{0,64}$/.test(v),
      ),
      relaxedWindowMs: integer(
        1000,
        { min: 1, max: 60_000 },
        "most time between a relaxed answer and its fsync",
      ),
    },
  },
  limits: {
    table: "node.limits",
    keys: {
      maxRamMb: integer(0, { min: RAM_FLOOR_MB, max: MOST, zero: "from the machine" }, "RAM budget in MB"),
      maxDiskMb: integer(
        0,
        { min: DISK_FLOOR_MB, max: MOST, zero: "80 % of the volume" },
        "disk budget in MB",
      ),
      bodyBytes: integer(
        LIMITS.bodyBytes,
        { min: 4096, max: LIMITS.workerBytes / 2 },
        "largest request body",
      ),
    },
  },
  index: {
    table: "node.index",
    keys: {
      annThreshold: integer(0, { min: 0, max: MOST }, "vectors in a world from which the ANN index serves"),
    },
  },
  backup: {
    table: "backup",
    keys: {
      target: text("", "directory of the backups, normally a mount", 'a directory, or "" for none'),
      requireMount: boolean(true, "refuse a target that is not a mount point"),
      keep: integer(7, { min: 1, max: 10_000 }, "backups that are kept"),
    },
  },
  embedder: {
    table: "embedder",
    keys: {
      url: text("", "an OpenAI-compatible /v1/embeddings", URL_OR_EMPTY, isUrlOrEmpty),
      model: text("", "the model's name there", "a model name"),
      dimension: integer(
        0,
        { min: 1, max: LIMITS.vectorDimensions, zero: "as answered" },
        "size of its vectors",
      ),
      timeoutMs: integer(2000, { min: 1, max: DAY_MS }, "longest wait for an embedding"),
      cacheSize: integer(500, { min: 0, max: 100_000 }, "embeddings that are kept in memory"),
    },
  },
  memory: {
    table: "memory",
    keys: {
      defaultSession: text(
        "default",
        "session of callers that name none",
        "1 to 128 of A-Z a-z 0-9 _ -",
        (v) => /^[A-Za-z0-9_-]{1,128}$/.test(v),
      ),
      defaultStability: number(1, { min: 0, max: 36_500, open: true }, "stability of a new memory in days"),
      retentionTarget: number(0.9, { min: 0, max: 1, open: true }, "recall probability that is aimed at"),
      hebbianLearningRate: number(0.1, { min: 0, max: 1 }, "how fast things recalled together are tied"),
      semanticWeight: number(0.4, { min: 0, max: 1 }, "weight of likeness in a search"),
      recencyWeight: number(0.25, { min: 0, max: 1 }, "weight of freshness in a search"),
      outcomeWeight: number(0.2, { min: 0, max: 1 }, "weight of success in a search"),
      importanceWeight: number(0.15, { min: 0, max: 1 }, "weight of importance in a search"),
    },
  },
  telemetry: {
    table: "telemetry",
    keys: {
      logLevel: oneOf(
        ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
        "info",
        "least level logged",
      ),
      otelEnabled: boolean(false, "send traces over OTLP/HTTP"),
      otelEndpoint: text("", "address of the trace collector", URL_OR_EMPTY, isUrlOrEmpty),
    },
  },
} as const;

type Sections = typeof SECTIONS;
type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** What comes from the environment alone. */
export interface Environment {
  /** WW_ENVIRONMENT in small letters; "" when unset. */
  environment: string;
  /** WW_ENVIRONMENT=production. */
  production: boolean;
  /** WW_API_KEY: a key for everything but admin; "" when unset. */
  apiKey: string;
  /** WW_ADMIN_API_KEY; "" when unset. */
  adminApiKey: string;
  /** DWBASE_EMBEDDER_KEY; "" when unset. */
  embedderKey: string;
  /** DWBASE_READY_REQUIRE_INDEX. */
  readyRequireIndex: boolean;
  /** WW_FLAG_<NAME>, by lower-case name. */
  flags: Record<string, boolean>;
}

/** Effective settings: `config.security.importanceCap` is `importance_cap` of `[node.security]`. */
export type Config = {
  -readonly [S in keyof Sections]: {
    -readonly [K in keyof Sections[S]["keys"]]: ValueOf<Sections[S]["keys"][K]>;
  };
} & { env: Environment };

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Where a setting stands in `Config`. */
export interface Place {
  section: keyof Sections;
  name: string;
  setting: Setting;
}

/** Every setting by its dotted TOML key, in order. */
export const SETTINGS: ReadonlyMap<string, Place> = new Map(
  Object.entries(SECTIONS).flatMap(([section, { table, keys }]) =>
    Object.entries(keys as Record<string, Setting>).map(([name, setting]): [string, Place] => [
      `${table}.${snake(name)}`,
      { section: section as keyof Sections, name, setting },
    ]),
  ),
);

/** TOML tables and their parents. */
export const TABLES: readonly string[] = Object.values(SECTIONS).map(({ table }) => table);

/** `node.security.ask_per_min` → `DWBASE_NODE_SECURITY_ASK_PER_MIN`. */
export function envName(key: string): string {
  return `DWBASE_${key.toUpperCase().replaceAll(".", "_")}`;
}

/** The settings as `Config`, each value taken from `lookup` (which must give a value that the setting accepts). */
export function buildConfig(lookup: (key: string) => Value, env: Environment): Config {
  const config: Record<string, Record<string, unknown>> = { env: { ...env } };
  for (const [key, { section, name }] of SETTINGS) {
    config[section] = { ...config[section], [name]: lookup(key) };
  }
  return config as unknown as Config;
}
