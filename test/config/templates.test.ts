import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
  ENV_EXAMPLE,
  loadConfig,
  renderTemplate,
  SETTINGS,
  TEMPLATE_NAMES,
  TEMPLATES,
  type TemplateName,
  type Value,
} from "../../src/config/mod.ts";
import { readToml } from "../../src/config/toml.ts";

const root = join(import.meta.dir, "../..");

function inTemp(work: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "dwbase-templates-"));
  try {
    work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function loadText(text: string) {
  let loaded: ReturnType<typeof loadConfig> | undefined;
  inTemp((cwd) => {
    writeFileSync(join(cwd, "t.toml"), text);
    loaded = loadConfig({ env: {}, cwd, path: "t.toml" });
  });
  return loaded!;
}

/** Where each template differs from the defaults. */
const PURPOSE: Record<TemplateName, Record<string, Value>> = {
  local: {},
  edge: {
    "node.listen": "0.0.0.0:8080",
    "node.data_dir": ".dwbase/edge/data",
    "node.security.importance_cap": 0.8,
    "node.security.remember_per_sec": 2,
    "node.security.ask_per_min": 30,
    "node.limits.max_ram_mb": 192,
  },
  devnet: {
    "node.listen": "127.0.0.1:7000",
    "node.data_dir": ".dwbase/devnet/data",
    "node.security.remember_per_sec": 20,
    "node.security.ask_per_min": 120,
  },
  production: {
    "node.data_dir": "/var/lib/dwbase/data",
    "node.secrets_backend": "chained",
    "node.security.remember_per_sec": 20,
    "node.security.ask_per_min": 600,
    "node.security.allow_anonymous": "never",
  },
  worldweaver: {
    "node.listen": "127.0.0.1:8765",
    "node.data_dir": ".dwbase/worldweaver/data",
  },
};

describe.each([...TEMPLATE_NAMES])("deploy/%s.toml", (name) => {
  test("is the file that the executable carries", () => {
    expect(TEMPLATES[name]).toBe(readFileSync(join(root, "deploy", `${name}.toml`), "utf8"));
  });

  test("sets every setting once, in order, each to a value that is accepted", () => {
    const keys = readToml(TEMPLATES[name], name).filter((entry) => entry.value !== undefined);
    expect(keys.map((entry) => entry.key)).toEqual([...SETTINGS.keys()]);
    expect(
      new Set(Object.values(loadText(TEMPLATES[name]).sources).map(({ from }) => from.split(" ")[0])),
    ).toEqual(new Set(["file"]));
  });

  test("explains itself: a comment stands above every section's first key", () => {
    for (const section of TEMPLATES[name].split(/^\[.*\]$/m).slice(1)) expect(section).toStartWith("\n# ");
  });

  test("differs from the defaults only where its purpose asks for it", () => {
    const { sources } = loadText(TEMPLATES[name]);
    const other = [...SETTINGS].filter(([key, { setting }]) => {
      return JSON.stringify(sources[key]!.value) !== JSON.stringify(setting.fallback);
    });
    expect(Object.fromEntries(other.map(([key]) => [key, sources[key]!.value]))).toEqual(PURPOSE[name]);
  });
});

test("a rendered template has the new values and keeps its comments", () => {
  const text = renderTemplate("devnet", {
    "node.listen": "127.0.0.1:7001",
    "node.cors_origins": ['https://"q"'],
  });
  expect(text).toContain('listen = "127.0.0.1:7001"');
  expect(text.match(/^#/gm)).toHaveLength(TEMPLATES.devnet.match(/^#/gm)!.length);
  expect(() => renderTemplate("local", { "node.nothing": 1 })).toThrow("does not set node.nothing");
});

test("any path survives being written into a template and read again", () => {
  const path = fc
    .string({ unit: "binary", minLength: 1 })
    .filter((s) => s.trim() !== "" && !/[\0-\x1f\x7f]/.test(s));
  fc.assert(
    fc.property(path, (dir) => {
      const entries = readToml(renderTemplate("edge", { "node.data_dir": dir }), "edge");
      expect(entries.find((entry) => entry.key === "node.data_dir")!.value).toBe(dir);
    }),
    { numRuns: 30 },
  );
});

describe("scripts/setup-env.sh", () => {
  const run = (...args: string[]) => Bun.spawnSync(["sh", join(root, "scripts/setup-env.sh"), ...args]);
  const keyOf = (text: string, name: string) => new RegExp(`^${name}=([0-9a-f]{64})$`, "m").exec(text)?.[1];

  test("writes .env.example with two fresh keys, for its owner alone, and does not print them", () => {
    inTemp((dir) => {
      const out = join(dir, ".env");
      const { exitCode, stdout, stderr } = run(out);
      expect(stderr.toString()).toBe("");
      expect(exitCode).toBe(0);
      expect(statSync(out).mode & 0o777).toBe(0o600);
      const text = readFileSync(out, "utf8");
      const [key, admin] = [keyOf(text, "WW_API_KEY")!, keyOf(text, "WW_ADMIN_API_KEY")!];
      expect(key).toBeDefined();
      expect(admin).toBeDefined();
      expect(key).not.toBe(admin);
      expect(text.replace(key, "").replace(admin, "")).toBe(ENV_EXAMPLE);
      expect(stdout.toString()).not.toContain(key);
    });
  });

  test("fills a copy of .env.example in, as the guide does it, and leaves the rest alone", () => {
    inTemp((dir) => {
      const out = join(dir, ".env");
      writeFileSync(out, "WW_API_KEY=mine\nWW_ADMIN_API_KEY=\nOTHER=a b \\ %s");
      expect(run(out).exitCode).toBe(0);
      const text = readFileSync(out, "utf8");
      expect(text).toStartWith("WW_API_KEY=mine\n");
      expect(keyOf(text, "WW_ADMIN_API_KEY")).toBeDefined();
      expect(text).toEndWith("OTHER=a b \\ %s\n");
    });
  });

  test("replaces keys that are set with --force only", () => {
    inTemp((dir) => {
      const out = join(dir, ".env");
      run(out);
      const before = readFileSync(out, "utf8");
      const refused = run(out);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr.toString()).toContain("has its keys already; --force replaces them");
      expect(readFileSync(out, "utf8")).toBe(before);
      expect(run("--force", out).exitCode).toBe(0);
      expect(readFileSync(out, "utf8")).not.toBe(before);
    });
  });

  test("an unknown option is wrong usage", () => {
    expect(run("--what").exitCode).toBe(2);
  });
});
