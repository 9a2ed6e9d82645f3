import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault, LIMITS } from "../../src/base/mod.ts";
import { type LoadOptions, loadConfig, nearest } from "../../src/config/mod.ts";

const cwd = mkdtempSync(join(tmpdir(), "dwbase-config-"));
afterAll(() => rmSync(cwd, { recursive: true }));

let files = 0;
/** A file with this text; the name is unique. */
function file(text: string): string {
  const name = `f${files++}.toml`;
  writeFileSync(join(cwd, name), text);
  return name;
}

function load(options: Partial<LoadOptions> = {}) {
  return loadConfig({ env: {}, cwd, systemPath: "absent.toml", ...options });
}

/** The message of the usage fault that stops the start. */
function refusal(options: Partial<LoadOptions>): string {
  try {
    load(options);
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    expect((error as Fault).code).toBe("usage");
    return (error as Fault).message;
  }
  throw new Error("the configuration was accepted");
}

describe("finding the file", () => {
  test("everything works with no file at all", () => {
    const { config, path, sources, notices } = load();
    expect(path).toBeNull();
    expect(config.node.listen).toBe("127.0.0.1:8080");
    expect(new Set(Object.values(sources).map((s) => s.from))).toEqual(new Set(["default"]));
    expect(notices).toEqual([]);
  });

  test("--config goes before DWBASE_CONFIG, that before the installed node's file, that before ./dwbase.toml", () => {
    const dir = mkdtempSync(join(cwd, "order-"));
    const names = ["flag.toml", "env.toml", "system.toml", "dwbase.toml"];
    for (const [keep, name] of names.entries())
      writeFileSync(join(dir, name), `[backup]\nkeep = ${keep + 1}\n`);
    const options = {
      cwd: dir,
      path: "flag.toml",
      env: { DWBASE_CONFIG: "env.toml" },
      systemPath: "system.toml",
    };
    const { path: _, ...noFlag } = options;
    expect(loadConfig(options).path).toBe(join(dir, "flag.toml"));
    expect(loadConfig(noFlag).config.backup.keep).toBe(2);
    expect(loadConfig({ ...noFlag, env: {} }).sources["backup.keep"]!.from).toBe("file system.toml:2");
    expect(loadConfig({ ...noFlag, env: {}, systemPath: "absent.toml" }).config.backup.keep).toBe(4);
  });

  test("a named file must exist, whoever names it", () => {
    expect(refusal({ path: "absent.toml" })).toContain(`${join(cwd, "absent.toml")} does not exist`);
    expect(refusal({ env: { DWBASE_CONFIG: "absent.toml" } })).toContain("does not exist");
  });

  test("an absent deploy/edge.toml falls back to the template inside the executable, and says so", () => {
    const { config, path, sources, notices } = load({ path: "deploy/edge.toml" });
    expect(path).toBeNull();
    expect(config.node.listen).toBe("0.0.0.0:8080");
    expect(sources["node.listen"]!.from).toMatch(/^file deploy\/edge\.toml:\d+$/);
    expect(notices[0]).toBe("deploy/edge.toml is not there; the template of that name inside dwbase is used");
    expect(refusal({ path: "deploy/other.toml" })).toContain("does not exist");
    expect(refusal({ path: "other/edge.toml" })).toContain("does not exist");
  });

  test("paths are absolute in the configuration and as written in the sources", () => {
    const { config, sources } = load({
      path: file('[node]\ndata_dir = "data"\n[backup]\ntarget = "/mnt/b"\n'),
    });
    expect(config.node.dataDir).toBe(join(cwd, "data"));
    expect(config.backup.target).toBe("/mnt/b");
    expect(config.node.tlsCert).toBe("");
    expect(sources["node.data_dir"]!.value).toBe("data");
  });
});

describe("precedence", () => {
  const path = file("# a comment\n[node.security]\nask_per_min = 1\n");
  const env = { DWBASE_NODE_SECURITY_ASK_PER_MIN: "2" };
  const flags = { "node.security.ask_per_min": 3 };
  const key = "node.security.ask_per_min";

  test("flag, then environment, then file, then default; the source is kept", () => {
    expect(load({ path, env, flags }).sources[key]).toEqual({ value: 3, from: "flag" });
    expect(load({ path, env }).sources[key]).toEqual({
      value: 2,
      from: "env DWBASE_NODE_SECURITY_ASK_PER_MIN",
    });
    expect(load({ path }).sources[key]).toEqual({ value: 1, from: `file ${path}:3` });
    expect(load().sources[key]).toEqual({ value: 0, from: "default" });
  });

  test("flags may come as text or as the value itself", () => {
    const { config } = load({ flags: { [key]: "4", "backup.require_mount": "false", "node.data_dir": 7 } });
    expect(config.security.askPerMin).toBe(4);
    expect(config.backup.requireMount).toBe(false);
    expect(config.node.dataDir).toBe(join(cwd, "7"));
  });

  test("a bad flag is refused by its key", () => {
    expect(refusal({ flags: { [key]: "many" } })).toBe(
      `the flag for ${key} is "many"; it must be a number from 0 to 1000000000`,
    );
    expect(refusal({ flags: { "node.lisen": "x" } })).toContain("did you mean node.listen?");
  });
});

describe("a file that is not accepted", () => {
  const cases: [text: string, line: number, message: string][] = [
    ['[node]\nlisten = "8080"\n', 2, 'node.listen is "8080"; it must be host:port'],
    ["[node]\nlisten = 8080\n", 2, "node.listen is 8080; it must be host:port"],
    ['[node]\ndata_dir = " "\n', 2, "it must be a directory"],
    ['[node]\nembedder = "bge"\n', 2, 'it must be one of "static", "http", "none"'],
    ['[node]\ntrusted_proxies = ["10.0.0.0/33"]\n', 2, "it must be a list of IP addresses or CIDR networks"],
    ['[node]\ncors_origins = ["example.org"]\n', 2, "it must be a list of origins"],
    ['[node]\ncors_origins = ["https://example.org/path"]\n', 2, "it must be a list of origins"],
    ['[node]\nsecrets_backend = "vault"\n', 2, 'it must be one of "env", "file", "chained", "auto"'],
    ['[node.security]\nread_worlds = "a"\n', 2, "it must be a list of world names"],
    ['[node.security]\n\nwrite_worlds = [\n  "a*b", # no\n]\n', 3, "it must be a list of world names"],
    ["[node.security]\nimportance_cap = 1.5\n", 2, "it must be a number from 0 to 1"],
    ["[node.security]\nremember_per_sec = -1\n", 2, "it must be a number from 0"],
    ["[node.security]\nask_per_min = nan\n", 2, "it must be a number from 0"],
    ['[node.security]\nallow_anonymous = "yes"\n', 2, 'it must be one of "loopback", "always", "never"'],
    ["[node.health]\ndisk_usage_degraded = 90\n", 2, "it must be a number from 0 to 1"],
    ["[node.health]\nindex_rebuild_warn_seconds = 0.5\n", 2, "it must be a whole number from 1"],
    ['[node.storage]\nencryption_enabled = "true"\n', 2, "it must be true or false"],
    ['[node.storage]\nkey_id = "a-b"\n', 2, "it must be letters, digits and _"],
    ["[node.storage]\nrelaxed_window_ms = 0\n", 2, "it must be a whole number from 1 to 60000"],
    [
      "[node.limits]\nmax_ram_mb = 64\n",
      2,
      "it must be a whole number from 128 to 1000000000, or 0 (from the machine)",
    ],
    ["[node.limits]\nmax_disk_mb = 1\n", 2, "or 0 (80 % of the volume)"],
    ["[node.limits]\nbody_bytes = 1_000_000_000\n", 2, "it must be a whole number from 4096 to 8388608"],
    ["[node.index]\nann_threshold = 1.5\n", 2, "it must be a whole number"],
    ["[backup]\nkeep = 0\n", 2, "it must be a whole number from 1"],
    ["[backup]\ntarget = 1979-05-27\n", 2, "backup.target is 1979-05-27"],
    ['[embedder]\nurl = "ftp://h"\n', 2, "it must be an http:// or https:// address"],
    ["[embedder]\ndimension = 5000\n", 2, "it must be a whole number from 1 to 4096, or 0 (as answered)"],
    ['[memory]\ndefault_session = "a b"\n', 2, "it must be 1 to 128 of"],
    ["[memory]\nretention_target = 1\n", 2, "it must be a number between 0 and 1, both excluded"],
    ["[memory]\nsemantic_weight = 2\n", 2, "it must be a number from 0 to 1"],
    ['[telemetry]\nlog_level = "verbose"\n', 2, 'it must be one of "trace", "debug"'],
    [
      "[node.security]\nimportnace_cap = 1\n",
      2,
      "is not a setting; did you mean node.security.importance_cap?",
    ],
    [
      "[node]\nask_per_min = 1\n",
      2,
      "node.ask_per_min is not a setting; did you mean node.security.ask_per_min?",
    ],
    ["[node.securty]\n", 1, "node.securty is not a setting; did you mean node.security?"],
    ["[weather]\n", 1, 'weather is not a setting; "dwbase config init" writes a template'],
    ["\n\n[[node]]\n", 3, "node is a section; write [node]"],
    ["node = 5\n", 1, "node is a section; write [node]"],
    ['"node.listen" = "h:1"\n', 1, "is not a setting"],
    [
      "[node]\nembedder = { kind = 1 }\n",
      2,
      "node.embedder.kind is not a setting; node.embedder is one, and it must be one of",
    ],
    ["[node]\nlisten = \n", 2, "this is not TOML"],
    ['[node]\nlisten = "a:1"\nlisten = "b:1"\n', 3, "this is not TOML"],
  ];
  test.each(cases)("%j, line %p: %s", (text, line, message) => {
    const path = file(text);
    const said = refusal({ path });
    expect(said).toStartWith(`${path}:${line}: `);
    expect(said).toContain(message);
  });

  test("every fault is named in one go, up to ten", () => {
    expect(refusal({ path: file("[backup]\nkep = 1\nkeep = 0\n") }).split("\n")).toHaveLength(2);
    const many = Array.from({ length: 15 }, (_, i) => `k${i} = 1`).join("\n");
    const lines = refusal({ path: file(many) }).split("\n");
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toBe("and 5 more");
  });

  test("a password in a refused address is not repeated", () => {
    const said = refusal({ path: file('[embedder]\nurl = "ftp://me:secret@h/"\n') });
    expect(said).toContain('"ftp://***@h/"');
    expect(said).not.toContain("secret");
  });

  test("a file too large to be a configuration is refused", () => {
    expect(refusal({ path: file("#".repeat(LIMITS.configBytes + 1)) })).toContain(
      "is larger than 65536 bytes",
    );
  });

  test("a value of more lines than anyone would write is refused", () => {
    const lines = (n: number) => file(`[node.security]\nread_worlds = [\n${'"a",\n'.repeat(n)}]\n`);
    expect(load({ path: lines(LIMITS.configValueLines - 2) }).config.security.readWorlds).toHaveLength(998);
    expect(refusal({ path: lines(LIMITS.configValueLines - 1) })).toContain(
      ":2: this value has over 1000 lines",
    );
  });

  test("tables may be written in any of TOML's ways", () => {
    const path = file(
      '\uFEFFnode.index.ann_threshold = 5\r\nbackup = { keep = 3, target = """\\\r\n  /b""" }\r\n',
    );
    const { config, sources } = load({ path });
    expect(config.index.annThreshold).toBe(5);
    expect(config.backup).toEqual({ target: "/b", requireMount: true, keep: 3 });
    expect(sources["backup.keep"]!.from).toBe(`file ${path}:2`);
  });
});

describe("settings that belong together", () => {
  test("a certificate needs its key", () => {
    const path = file('[node]\ntls_cert = "c.pem"\n');
    const sentence = (set: string, missing: string) =>
      `: ${set} is set and ${missing} is empty; they must be set together`;
    expect(refusal({ path })).toBe(`${path}:2${sentence("node.tls_cert", "node.tls_key")}`);
    expect(refusal({ env: { DWBASE_NODE_TLS_KEY: "k.pem" } })).toBe(
      `env DWBASE_NODE_TLS_KEY${sentence("node.tls_key", "node.tls_cert")}`,
    );
  });

  test("the http embedder needs an address, a model and its dimension", () => {
    const path = file('[node]\nembedder = "http"\n');
    expect(refusal({ path })).toBe(
      `${path}:2: node.embedder = "http" needs embedder.url\n${path}:2: node.embedder = "http" needs embedder.model\n${path}:2: node.embedder = "http" needs embedder.dimension`,
    );
    const env = { DWBASE_EMBEDDER_URL: "http://h/v1/embeddings", DWBASE_EMBEDDER_MODEL: "m" };
    expect(load({ path, env: { ...env, WW_EMBEDDING_DIMENSION: "8" } }).config.node.embedder).toBe("http");
  });

  test("encryption needs the name of its key", () => {
    expect(refusal({ path: file("[node.storage]\nencryption_enabled = true\n") })).toContain(
      "node.storage.encryption_enabled needs node.storage.key_id",
    );
  });

  test('the original\'s embedder "dummy" is read as static', () => {
    expect(load({ path: file('[node]\nembedder = "dummy"\n') }).config.node.embedder).toBe("static");
  });

  test("what is allowed but seldom meant earns a word", () => {
    const words = (toml: string) => load({ path: file(toml) }).notices.join("\n");
    expect(words('[node]\nlisten = "0.0.0.0:80"\n')).toContain(
      "cross the network in clear text on 0.0.0.0:80",
    );
    expect(words('[node]\nlisten = "h:1"\n[node.security]\nallow_anonymous = "always"\n')).toContain(
      "anyone who reaches h:1",
    );
    expect(words('[node]\nlisten = "unix:/run/d.sock"\n')).toBe("");
    expect(words('[embedder]\nurl = "http://h/"\n')).toContain(
      'embedder.url is not used, since node.embedder is "static"',
    );
    expect(words('[node.storage]\nkey_id = "A"\n')).toContain("node.storage.key_id is not used");
    expect(words("[memory]\nsemantic_weight = 0.5\n")).toContain("add up to 1.1, not to 1");
  });
});

test("the nearest word is found by its last part first, then by the whole; far words have none", () => {
  const keys = ["node.listen", "backup.keep", "node.storage.key_id"];
  expect(nearest("listn", keys)).toBe("node.listen");
  expect(nearest("node.kep", keys)).toBe("backup.keep");
  expect(nearest("limti", ["limit", "label"])).toBe("limit");
  expect(nearest("NODE.STORAGE.KEYID", keys)).toBe("node.storage.key_id");
  expect(nearest("weather", keys)).toBeUndefined();
  expect(nearest("x".repeat(100_000), keys)).toBeUndefined();
});
