/** Secrets: which backend looks where, what counts as one, and what is noted of each reading. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Fault, LIMITS, ManualClock } from "../../src/base/mod.ts";
import { Secrets, type SecretsOptions } from "../../src/secrets/mod.ts";

const root = mkdtempSync(join(tmpdir(), "dwbase-secrets-"));
afterAll(() => rmSync(root, { recursive: true }));
let n = 0;

/** A directory of secret files. */
function directory(files: Record<string, string>): string {
  const dir = join(root, String(n++));
  mkdirSync(dir);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
  return dir;
}

function secrets(options: Partial<SecretsOptions>): Secrets {
  return new Secrets({ backend: "auto", env: {}, clock: new ManualClock(), directories: [], ...options });
}

const ENV = { WW_API_KEY: "from-env", DWBASE_KEY_MAIN: "main-env", HOME: "/root" };
const FILES = { WW_API_KEY: "from-file\n", ww_admin_api_key: "admin-file", unrelated: "x" };

describe("backends", () => {
  const directories = [directory(FILES)];
  const table: [SecretsOptions["backend"], string | undefined, string | undefined, string | undefined][] = [
    ["env", "from-env", undefined, "main-env"],
    ["file", "from-file", "admin-file", undefined],
    ["chained", "from-file", "admin-file", "main-env"],
    ["auto", "from-file", "admin-file", "main-env"],
  ];
  test.each(table)("%s", (backend, api, admin, main) => {
    const held = secrets({ backend, env: ENV, directories });
    const names = ["WW_API_KEY", "WW_ADMIN_API_KEY", "DWBASE_KEY_MAIN"];
    expect(names.map((name) => held.read(name, "test"))).toEqual([api, admin, main]);
    expect(held.keys().map(({ key }) => key)).toEqual(
      names.filter((_, i) => [api, admin, main][i] !== undefined).sort(),
    );
  });

  test("auto is env where no directory is there, and chained where one is", () => {
    expect(secrets({ directories: [join(root, "none")] }).backend).toBe("env");
    expect(secrets({ directories }).backend).toBe("chained");
  });

  test("the credentials of the service manager go before others", () => {
    const credentials = directory({ ww_api_key: "credential" });
    const held = new Secrets({
      backend: "auto",
      env: { CREDENTIALS_DIRECTORY: credentials },
      clock: new ManualClock(),
    });
    expect([held.directories[0], held.read("WW_API_KEY", "test")]).toEqual([credentials, "credential"]);
  });
});

test("an empty secret is none, and no name leads out of the directory", () => {
  const dir = directory({ WW_API_KEY: "\n" });
  writeFileSync(join(root, "outside"), "stolen");
  const held = secrets({ backend: "file", directories: [dir], env: { WW_API_KEY: "env" } });
  expect(held.read("WW_API_KEY", "test")).toBeUndefined();
  expect(held.read("../outside", "test")).toBeUndefined();
});

test("a file that is too large for a secret is refused by name", () => {
  const dir = directory({ WW_API_KEY: "x".repeat(LIMITS.secretBytes + 1) });
  try {
    secrets({ backend: "file", directories: [dir] }).read("WW_API_KEY", "test");
    throw new Error("it was taken");
  } catch (error) {
    expect((error as Fault).code).toBe("usage");
    expect((error as Fault).message).toContain(join(dir, "WW_API_KEY"));
  }
});

test("readings are noted with who, what, when and from where, never with a value, and bounded", () => {
  const clock = new ManualClock();
  const held = secrets({ env: ENV, clock });
  held.read("WW_API_KEY", "authentication");
  clock.advance(1000);
  held.read("DWBASE_KEY_OTHER", "encryption");
  expect(held.reads.map(({ key, reader, source }) => [key, reader, source])).toEqual([
    ["WW_API_KEY", "authentication", "env"],
    ["DWBASE_KEY_OTHER", "encryption", null],
  ]);
  expect(Date.parse(held.reads[1]!.timestamp) - Date.parse(held.reads[0]!.timestamp)).toBe(1000);
  for (let i = 0; i < LIMITS.secretReads + 10; i++) held.read("WW_API_KEY", "again");
  expect(held.reads.length).toBe(LIMITS.secretReads);
  expect(JSON.stringify([held.reads, held.keys()])).not.toContain("from-env");
});
