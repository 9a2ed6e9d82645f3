import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootstrapAdminKey } from "../../src/auth/mod.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "dwbase-key-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

test("the first call makes a key of 256 bits that only the owner may read", () => {
  const path = join(dir, "secrets", "admin.key");
  const { key, created } = bootstrapAdminKey(path);
  expect(created).toBe(true);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(dir, "secrets")).mode & 0o777).toBe(0o700);
  expect(readFileSync(path, "utf8")).toBe(`${key}\n`);
});

test("later calls read the same key; another node makes another", () => {
  const { key } = bootstrapAdminKey(join(dir, "a"));
  expect(bootstrapAdminKey(join(dir, "a"))).toEqual({ key, created: false });
  expect(bootstrapAdminKey(join(dir, "b")).key).not.toBe(key);
});

test("a file left empty by a power cut gets a key", () => {
  writeFileSync(join(dir, "a"), "");
  expect(bootstrapAdminKey(join(dir, "a")).created).toBe(true);
  expect(bootstrapAdminKey(join(dir, "a")).created).toBe(false);
});

test("a file that holds no key is refused and left alone", () => {
  writeFileSync(join(dir, "a"), "short\n");
  expect(() => bootstrapAdminKey(join(dir, "a"))).toThrow(expect.objectContaining({ code: "damaged" }));
  expect(readFileSync(join(dir, "a"), "utf8")).toBe("short\n");
});

test("a key is never written through a link that somebody put there", () => {
  symlinkSync(join(dir, "elsewhere"), join(dir, "a"));
  expect(() => bootstrapAdminKey(join(dir, "a"))).toThrow(expect.objectContaining({ code: "storage_error" }));
  expect(existsSync(join(dir, "elsewhere"))).toBe(false);
});
