/** The shape of src/: rooms with one door each, imports that go down the ranks only, files and functions of bearable size. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const RANKS: Record<string, number> = {
  base: 1,
  config: 2,
  atom: 3,
  auth: 3,
  control: 3,
  secrets: 3,
  telemetry: 3,
  text: 4,
  embedder: 4,
  client: 4,
  storage: 5,
  load: 5,
  vector: 5,
  recall: 6,
  memory: 7,
  engine: 8,
  watchdog: 9,
  backup: 9,
  health: 9,
  server: 10,
  daemon: 11,
  bench: 11,
  deployer: 11,
  installer: 11,
  soak: 11,
  cli: 12,
  "main.ts": 13,
};
const FILE_LINES = 420;
const FUNCTION_LINES = 80;

/** Sources by path relative to src, e.g. "auth/mod.ts". */
type Sources = Record<string, string>;

/** The room of a path; main.ts is a room of its own. */
function roomOf(path: string): string {
  return path.split("/")[0]!;
}

/** Files of src that `path` names: static and dynamic imports, re-exports, workers. */
function importsOf(path: string, source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const names = [
    ...code.matchAll(/\b(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g),
    ...code.matchAll(/\bnew URL\(\s*["'](\.[^"']+)["']\s*,\s*import\.meta\.url/g),
  ];
  const here = dirname(join("/src", path));
  return names
    .map((name) => resolve(here, name[1]!))
    .filter((target) => target.startsWith("/src/"))
    .map((target) => target.slice("/src/".length));
}

function badImport(from: string, to: string): string | undefined {
  const [inner, outer] = [roomOf(from), roomOf(to)];
  if (inner === outer) return undefined;
  const what = `src/${from} imports src/${to}`;
  if (!(outer in RANKS)) return `${what}: there is no room "${outer}"`;
  if (to !== `${outer}/mod.ts`) {
    return `${what}: import src/${outer}/mod.ts instead, and export from there what is needed`;
  }
  if (RANKS[outer]! < RANKS[inner]!) return undefined;
  return `${what}: ${outer} has rank ${RANKS[outer]} and ${inner} ${RANKS[inner]}; move what both need to a room of lower rank, or pass it in as a parameter`;
}

const NO_FUNCTION =
  /^\s*(?:\} )?(?:if|else|for|while|do|switch|try|catch|finally|case|return|(?:export )?(?:abstract )?(?:class|interface|type|enum))\b/;
/** A line that opens the body of a function: a declaration, an arrow, a method, or the last line of parameters. */
const FUNCTION_OPENS =
  /(?:\bfunction\b.*|=>|^\s*(?:[a-z]+ )*[#\w$]+(?:<.*>)?\(.*\)(?:: .*)?|^\s*\)(?:: .*)?) \{$/;

/** Functions over the bound, by the lines of their first and last brace, which the formatter indents alike. */
function longFunctions(path: string, source: string): string[] {
  const found: string[] = [];
  const lines = source.split("\n");
  lines.forEach((line, start) => {
    if (!FUNCTION_OPENS.test(line) || NO_FUNCTION.test(line)) return;
    const indent = /^\s*/.exec(line)![0];
    const length = lines.slice(start).findIndex((l, i) => i > 0 && l.startsWith(`${indent}}`)) + 1;
    if (length > FUNCTION_LINES) {
      found.push(
        `src/${path}:${start + 1} opens a function of ${length} lines; split it into steps with names`,
      );
    }
  });
  return found;
}

function violations(sources: Sources): string[] {
  return Object.entries(sources).flatMap(([path, source]) => {
    const lines = source.split("\n").length - 1;
    return [
      ...(roomOf(path) in RANKS
        ? []
        : [`src/${path}: give the room "${roomOf(path)}" a rank in DESIGN.md and here`]),
      ...importsOf(path, source).flatMap((to) => badImport(path, to) ?? []),
      ...(lines > FILE_LINES
        ? [`src/${path} has ${lines} lines; split it along the concept that is missing`]
        : []),
      ...longFunctions(path, source),
    ];
  });
}

test("src/ keeps to its ranks, doors and sizes", () => {
  const src = join(import.meta.dir, "..", "src");
  const paths = [...new Bun.Glob("**/*.ts").scanSync(src)].sort();
  expect(paths).toContain("base/mod.ts");
  expect(violations(Object.fromEntries(paths.map((p) => [p, readFileSync(join(src, p), "utf8")])))).toEqual(
    [],
  );
});

describe("the check itself", () => {
  const one = (path: string, source: string) => violations({ [path]: source });

  test("lets a room import its own files and the doors of lower rooms", () => {
    expect(one("auth/keys.ts", 'import { a } from "../base/mod.ts";\nimport "./lru.ts";\n')).toEqual([]);
    expect(one("engine/mod.ts", 'new Worker(new URL("./writer-thread.ts", import.meta.url));\n')).toEqual([]);
    expect(one("config/mod.ts", 'import t from "../../deploy/local.toml" with { type: "text" };\n')).toEqual(
      [],
    );
    expect(one("main.ts", 'await import("./cli/mod.ts");\n')).toEqual([]);
  });

  test.each([
    ["a static import", 'import { a } from "../server/mod.ts";\n'],
    ["a type import over several lines", 'import type {\n  A,\n} from "../server/mod.ts";\n'],
    ["a re-export", 'export * from "../server/mod.ts";\n'],
    ["a dynamic import", 'const a = await import("../server/mod.ts");\n'],
    ["a worker", 'new Worker(new URL("../server/mod.ts", import.meta.url).href);\n'],
  ])("refuses %s of a higher room, naming both files", (_what, source) => {
    const [message, ...more] = one("auth/keys.ts", source);
    expect(more).toEqual([]);
    expect(message).toStartWith("src/auth/keys.ts imports src/server/mod.ts: server has rank 10 and auth 3;");
  });

  test("refuses a room of the same rank", () => {
    expect(one("auth/keys.ts", 'import "../telemetry/mod.ts";\n')[0]).toContain("move what both need");
  });

  test("refuses a way around the door", () => {
    expect(one("auth/keys.ts", 'import "../base/errors.ts";\n')).toEqual([
      "src/auth/keys.ts imports src/base/errors.ts: import src/base/mod.ts instead, and export from there what is needed",
    ]);
  });

  test("refuses unknown rooms, and does not read comments", () => {
    expect(one("attic/mod.ts", "export {};\n")[0]).toContain('the room "attic"');
    expect(one("auth/mod.ts", '// import "../server/mod.ts"\n/* from "../server/mod.ts" */\n')).toEqual([]);
  });

  test.each([
    ["export function f(): void {", "}"],
    ["export async function f(a: number): Promise<void> {", "}"],
    ["const f = async (a: number) => {", "};"],
    ["  private async f<T>(a: T): Promise<T> {", "  }"],
    ["): Promise<void> {", "}"],
  ])("refuses a long function: %s", (open, close) => {
    const text = (inner: number) => `${open}\n${"    x();\n".repeat(inner)}${close}\n`;
    expect(one("auth/mod.ts", text(FUNCTION_LINES - 2))).toEqual([]);
    expect(one("auth/mod.ts", text(FUNCTION_LINES - 1))).toEqual([
      "src/auth/mod.ts:1 opens a function of 81 lines; split it into steps with names",
    ]);
  });

  test("refuses a long file", () => {
    expect(one("auth/mod.ts", "x();\n".repeat(FILE_LINES))).toEqual([]);
    expect(one("auth/mod.ts", "x();\n".repeat(FILE_LINES + 1))[0]).toContain("has 421 lines");
  });
});
