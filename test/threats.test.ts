/** Every promise of THREATS.md names a test that is there. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";

const text = readFileSync("THREATS.md", "utf8");
const rows = text.split("\n").filter((line) => /^\| (?!promise|-)/.test(line));
const cited = [...text.matchAll(/`(test\/[\w./-]+\.test\.ts)` "([^"]+)"/g)].map(([, file, name]) => [
  file!,
  name!,
]);

test("every promise names at least one test", () => {
  for (const row of rows) expect(row).toMatch(/`test\/[\w./-]+\.test\.ts` "/);
  expect(cited.length).toBeGreaterThanOrEqual(rows.length);
});

test.each(cited)("%s: %s", (file, name) => {
  expect(existsSync(file)).toBe(true);
  // as the title of a test or of a group of tests
  const source = readFileSync(file, "utf8").replace(/\(\s+/g, "(");
  expect([`("${name}"`, `(\`${name}\``].some((title) => source.includes(title))).toBe(true);
});
