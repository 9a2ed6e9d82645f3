import { describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ALIASES,
  type Config,
  deployRoot,
  describe as describeRows,
  ENV_EXAMPLE,
  envName,
  knownNames,
  loadConfig,
  OTHER_NAMES,
  SETTINGS,
  type Value,
} from "../../src/config/mod.ts";

const cwd = join(tmpdir(), "dwbase-no-such-directory");

/** Loads from these variables alone, above `flags`-free defaults. */
function load(env: Record<string, string>) {
  return loadConfig({ env, cwd, systemPath: "absent.toml" });
}

function refusal(env: Record<string, string>): string {
  let said = "";
  expect(() => {
    try {
      load(env);
    } catch (error) {
      expect(error).toMatchObject({ code: "usage" });
      said = (error as Error).message;
      throw error;
    }
  }).toThrow();
  return said;
}

/** A value of each setting that is not its default, as the environment writes it. */
const SAMPLES: Record<string, [text: string, value: Value]> = {
  "node.listen": ["[::1]:9", "[::1]:9"],
  "node.data_dir": ["/d", "/d"],
  "node.embedder": ["none", "none"],
  "node.trusted_proxies": ["10.0.0.0/8, ::1", ["10.0.0.0/8", "::1"]],
  "node.tls_cert": ["/c.pem", "/c.pem"],
  "node.tls_key": ["/k.pem", "/k.pem"],
  "node.cors_origins": ["https://a.org,http://b.org:81", ["https://a.org", "http://b.org:81"]],
  "node.secrets_backend": ["file", "file"],
  "node.security.read_worlds": ["a/*,b", ["a/*", "b"]],
  "node.security.write_worlds": ['["with,comma"]', ["with,comma"]],
  "node.security.importance_cap": ["0.5", 0.5],
  "node.security.remember_per_sec": ["2.5", 2.5],
  "node.security.ask_per_min": [" 30 ", 30],
  "node.security.allow_anonymous": ["never", "never"],
  "node.health.disk_usage_degraded": ["0.7", 0.7],
  "node.health.index_rebuild_warn_seconds": ["60", 60],
  "node.storage.encryption_enabled": ["true", true],
  "node.storage.key_id": ["MAIN", "MAIN"],
  "node.storage.relaxed_window_ms": ["50", 50],
  "node.limits.max_ram_mb": ["256", 256],
  "node.limits.max_disk_mb": ["1024", 1024],
  "node.limits.body_bytes": ["65536", 65_536],
  "node.index.ann_threshold": ["1e4", 10_000],
  "backup.target": ["/mnt/b", "/mnt/b"],
  "backup.require_mount": ["no", false],
  "backup.keep": ["3", 3],
  "embedder.url": ["http://h/v1/embeddings", "http://h/v1/embeddings"],
  "embedder.model": ["BAAI/bge-m3", "BAAI/bge-m3"],
  "embedder.dimension": ["1024", 1024],
  "embedder.timeout_ms": ["100", 100],
  "embedder.cache_size": ["0", 0],
  "memory.default_session": ["home", "home"],
  "memory.default_stability": ["2", 2],
  "memory.retention_target": ["0.8", 0.8],
  "memory.hebbian_learning_rate": ["0.2", 0.2],
  "memory.semantic_weight": ["0.3", 0.3],
  "memory.recency_weight": ["0.3", 0.3],
  "memory.outcome_weight": ["0.3", 0.3],
  "memory.importance_weight": ["0.1", 0.1],
  "telemetry.log_level": ["debug", "debug"],
  "telemetry.otel_enabled": ["1", true],
  "telemetry.otel_endpoint": ["http://h:4318/v1/traces", "http://h:4318/v1/traces"],
};
/** Set along with a setting that is refused without them. */
const COMPANY: Record<string, string[]> = {
  "node.tls_cert": ["node.tls_key"],
  "node.tls_key": ["node.tls_cert"],
  "node.storage.encryption_enabled": ["node.storage.key_id"],
};

const names = [...SETTINGS.keys()].map((key): [string, string] => [envName(key), key]);

describe("names", () => {
  test("no two settings share one", () => {
    expect(new Set([...names, ...ALIASES].map(([name]) => name)).size).toBe(names.length + ALIASES.length);
    expect(envName("node.security.ask_per_min")).toBe("DWBASE_NODE_SECURITY_ASK_PER_MIN");
  });

  test.each([...names, ...ALIASES])("%s sets %s", (name, key) => {
    const company = (COMPANY[key] ?? []).map((other): [string, string] => [
      envName(other),
      SAMPLES[other]![0],
    ]);
    const [text, value] = SAMPLES[key]!;
    const { config, sources } = load({ ...Object.fromEntries(company), [name]: text });
    expect(sources[key]).toEqual({ value, from: `env ${name}` });
    const { section, name: member } = SETTINGS.get(key)!;
    expect((config as unknown as Record<string, Record<string, Value>>)[section]![member]).toEqual(value);
  });

  test.each([...names, ...ALIASES])("%s: empty means unset", (name, key) => {
    expect(load({ [name]: "" }).sources[key]!.from).toBe("default");
  });

  test("a value that is not accepted is refused by the variable's name", () => {
    expect(refusal({ DWBASE_MAX_RAM_MB: "lots" })).toBe(
      'the environment variable DWBASE_MAX_RAM_MB (node.limits.max_ram_mb) is "lots"; it must be a whole number from 128 to 1000000000, or 0 (from the machine)',
    );
    expect(refusal({ WW_OTEL_ENABLED: "maybe" })).toContain("it must be true or false");
    expect(refusal({ WW_CORS_ALLOWED_ORIGINS: "[oops" })).toContain("it must be a list of origins");
    expect(refusal({ DWBASE_EMBEDDER_URL: "ftp://u:secret@h" })).not.toContain("secret");
  });

  test("a setting's own name goes before the guide's, with a word when they differ", () => {
    const both = { DWBASE_NODE_LIMITS_MAX_RAM_MB: "256", DWBASE_MAX_RAM_MB: "512" };
    const { config, notices } = load(both);
    expect(config.limits.maxRamMb).toBe(256);
    expect(notices).toEqual([
      "DWBASE_MAX_RAM_MB is not used, since DWBASE_NODE_LIMITS_MAX_RAM_MB sets node.limits.max_ram_mb as well",
    ]);
    expect(load({ ...both, DWBASE_MAX_RAM_MB: "256" }).notices).toEqual([]);
  });

  test("a misspelt name is noticed with the nearest, and not used", () => {
    expect(load({ DWBASE_NODE_LISEN: "h:1", WW_API_PROT: "1" }).notices).toEqual([
      "DWBASE_NODE_LISEN is not a setting and is not used; did you mean DWBASE_NODE_LISTEN?",
      "WW_API_PROT is not a setting and is not used; did you mean WW_API_PORT?",
    ]);
    expect(load({ DWBASE_SOMETHING: "of a script around the node", PATH: "/bin" }).notices).toEqual([]);
  });

  test(".env.example holds every name that is not DWBASE_<SECTION>_<KEY>, empty, and none that is unknown", () => {
    const held = ENV_EXAMPLE.split("\n").filter((line) => /^\w/.test(line));
    expect(held.filter((line) => !line.endsWith("="))).toEqual([]);
    const listed = held.map((line) => line.slice(0, -1));
    const free = /^(DWBASE_KEY|WW_FLAG)_/;
    expect(listed.filter((name) => !knownNames().has(name) && !free.test(name))).toEqual([]);
    const guides = [...ALIASES.map(([name]) => name), ...Object.keys(OTHER_NAMES)];
    expect(guides.filter((name) => !ENV_EXAMPLE.includes(name))).toEqual([]);
  });
});

describe("World Weaver's names", () => {
  const listen = (env: Record<string, string>) => load(env).config.node.listen;

  test("WW_API_HOST and WW_API_PORT change the host and the port of listen", () => {
    expect(listen({ WW_API_HOST: "0.0.0.0", WW_API_PORT: "8765" })).toBe("0.0.0.0:8765");
    expect(listen({ WW_API_PORT: "8765" })).toBe("127.0.0.1:8765");
    expect(listen({ WW_API_HOST: "::1" })).toBe("[::1]:8080");
    expect(listen({ WW_API_HOST: "[::1]" })).toBe("[::1]:8080");
    expect(load({ WW_API_PORT: "8765" }).sources["node.listen"]!.from).toBe("env WW_API_PORT");
    const flags = { "node.listen": "h:1" };
    expect(
      loadConfig({ env: { WW_API_PORT: "8765" }, cwd, flags, systemPath: "absent.toml" }).config.node.listen,
    ).toBe("h:1");
    expect(refusal({ WW_API_PORT: "http" })).toBe(
      'WW_API_PORT: the listen address becomes "127.0.0.1:http"; it must be host:port (127.0.0.1:8080)',
    );
    const own = load({ WW_API_PORT: "8765", DWBASE_NODE_LISTEN: "h:1" });
    expect(own.config.node.listen).toBe("h:1");
    expect(own.notices).toContain("WW_API_PORT: not used, since DWBASE_NODE_LISTEN is set as well");
  });

  test("names without meaning here are accepted and named once with what takes their place", () => {
    const guide = {
      NEO4J_USER: "neo4j",
      NEO4J_dbms_memory_heap_max__size: "4G",
      WW_NEO4J_URI: "bolt://localhost:7687",
      WW_NEO4J_POOL_SIZE: "100",
      WW_QDRANT_URL: "http://localhost:6333",
      QDRANT__SERVICE__API_KEY: "k",
      WW_API_WORKERS: "4",
      WW_EMBEDDING_DEVICE: "cuda:0",
      WW_EMBEDDING_BATCH_SIZE: "16",
      WW_EMBEDDING_USE_FP16: "true",
      WW_RATE_LIMITER_BACKEND: "redis",
      WW_REDIS_URL: "redis://:secret@localhost:6379",
    };
    const { notices } = load(guide);
    expect(notices).toHaveLength(5);
    for (const name of Object.keys(guide)) expect(notices.filter((n) => n.includes(name))).toHaveLength(1);
    expect(notices.join()).not.toContain("secret");
    expect(notices[0]).toContain("the graph lives in the node's own database");
  });

  test("traces go over HTTP: the guide's gRPC port is mapped with one line", () => {
    const endpoint = (url: string) => load({ WW_OTEL_ENABLED: "true", WW_OTEL_ENDPOINT: url });
    const mapped = endpoint("http://jaeger:4317");
    expect(mapped.config.telemetry.otelEndpoint).toBe("http://jaeger:4318/v1/traces");
    expect(mapped.notices).toEqual([
      "http://jaeger:4317 is a gRPC address; traces go over HTTP to http://jaeger:4318/v1/traces",
    ]);
    expect(endpoint("http://h:4318").config.telemetry.otelEndpoint).toBe("http://h:4318/v1/traces");
    expect(endpoint("http://h:4318/own").config.telemetry.otelEndpoint).toBe("http://h:4318/own");
    expect(endpoint("").config.telemetry.otelEndpoint).toBe("http://localhost:4318/v1/traces");
  });

  test("an embedding model counts with embedder.url only", () => {
    const model = { WW_EMBEDDING_MODEL: "BAAI/bge-m3", WW_EMBEDDING_DIMENSION: "1024" };
    const without = load(model);
    expect(without.config.node.embedder).toBe("static");
    expect(without.notices).toEqual([
      "WW_EMBEDDING_MODEL, WW_EMBEDDING_DIMENSION: used with embedder.url, which is not set; the static embedder stays",
    ]);
    const url = { DWBASE_EMBEDDER_URL: "http://h/v1/embeddings" };
    const { config, sources } = load({ ...model, ...url });
    expect(config.node.embedder).toBe("http");
    expect(config.embedder).toMatchObject({ model: "BAAI/bge-m3", dimension: 1024 });
    expect(sources["node.embedder"]!.from).toBe("env WW_EMBEDDING_MODEL");
    expect(load({ ...model, ...url, DWBASE_NODE_EMBEDDER: "none" }).config.node.embedder).toBe("none");
  });

  test("keys, flags and switches", () => {
    const { config } = load({
      WW_API_KEY: "a",
      WW_ADMIN_API_KEY: "b",
      DWBASE_EMBEDDER_KEY: "c",
      DWBASE_READY_REQUIRE_INDEX: "1",
      WW_FLAG_READ_ONLY_MODE: "true",
      WW_FLAG_CAPSULE_ENCODING: "",
    });
    const expected: Config["env"] = {
      environment: "",
      production: false,
      apiKey: "a",
      adminApiKey: "b",
      embedderKey: "c",
      readyRequireIndex: true,
      flags: { read_only_mode: true },
    };
    expect(config.env).toEqual(expected);
    expect(refusal({ WW_FLAG_X: "perhaps" })).toContain('WW_FLAG_X is "perhaps"; it must be true or false');
    expect(refusal({ WW_API_KEY: "pass word" })).toBe(
      "the key in WW_API_KEY cannot travel in a header; use printable ASCII without spaces",
    );
  });
});

describe("WW_ENVIRONMENT=production", () => {
  const WW_ENVIRONMENT = "production";

  test("nobody comes without a key", () => {
    const { config, sources } = load({ WW_ENVIRONMENT });
    expect(config.env.production).toBe(true);
    expect(config.security.allowAnonymous).toBe("never");
    expect(sources["node.security.allow_anonymous"]!.from).toBe("env WW_ENVIRONMENT");
    const always = load({ WW_ENVIRONMENT, DWBASE_NODE_SECURITY_ALLOW_ANONYMOUS: "always" });
    expect(always.config.security.allowAnonymous).toBe("never");
    expect(always.notices.join()).toContain('counts as "never"');
  });

  test("short keys are refused without being shown", () => {
    const said = refusal({
      WW_ENVIRONMENT,
      WW_API_KEY: "fifteen-chars-x",
      WW_ADMIN_API_KEY: "sixteen-chars-xy",
    });
    expect(said).toBe("the key in WW_API_KEY has 15 characters; in production it must have at least 16");
  });

  test('"*" and plain-http origins of other machines are refused', () => {
    const origins = (WW_API_CORS_ORIGINS: string) => refusal({ WW_ENVIRONMENT, WW_API_CORS_ORIGINS });
    expect(origins("*")).toContain('must not hold "*"');
    expect(origins("http://a.org")).toContain("the origin http://a.org must be https");
    const fine = { WW_ENVIRONMENT, WW_API_CORS_ORIGINS: "https://a.org,http://localhost:3000" };
    expect(load(fine).config.node.corsOrigins).toHaveLength(2);
    expect(load({ WW_API_CORS_ORIGINS: "*" }).config.node.corsOrigins).toEqual(["*"]);
  });

  test("any other word must be a known one, so that a typing error does not open the node", () => {
    expect(load({ WW_ENVIRONMENT: "Production" }).config.env.production).toBe(true);
    const staging = load({ WW_ENVIRONMENT: "staging" });
    expect(staging.config.env.production).toBe(false);
    expect(describeRows(staging).find(({ key }) => key === "WW_ENVIRONMENT")).toMatchObject({
      value: '"staging"',
      source: "env WW_ENVIRONMENT",
    });
    expect(refusal({ WW_ENVIRONMENT: "prodution" })).toContain(
      "one of development, test, staging, production",
    );
  });
});

test("config show: every setting once, with its source, and no secret", () => {
  const rows = describeRows(
    load({
      WW_API_KEY: "top-secret",
      WW_ADMIN_API_KEY: "top-secret",
      DWBASE_EMBEDDER_URL: "http://u:top-secret@h/",
    }),
  );
  expect(JSON.stringify(rows)).not.toContain("top-secret");
  const row = (key: string) => rows.find((r) => r.key === key);
  expect(row("WW_API_KEY")).toMatchObject({ value: "(set)", source: "env WW_API_KEY" });
  expect(row("embedder.url")).toMatchObject({ value: '"http://***@h/"', source: "env DWBASE_EMBEDDER_URL" });
  expect(row("node.cors_origins")).toMatchObject({ value: "[]", source: "default" });
  expect(rows.map((r) => r.key)).toEqual(expect.arrayContaining([...SETTINGS.keys()]));
  expect(rows.filter((r) => r.doc === "")).toEqual([]);
});

test("DWBASE_DATA_DIR is the root of the deploy helper and leaves the node's data_dir alone", () => {
  expect(deployRoot({}, "/w")).toBe("/w/.dwbase");
  expect(deployRoot({ DWBASE_DATA_DIR: "" }, "/w")).toBe("/w/.dwbase");
  expect(deployRoot({ DWBASE_DATA_DIR: "x" }, "/w")).toBe("/w/x");
  expect(load({ DWBASE_DATA_DIR: "/x" }).config.node.dataDir).toBe(join(cwd, ".dwbase/local/data"));
});
