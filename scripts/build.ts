/**
 * Builds the executables: dist/dwbase-linux-x64, dist/dwbase-linux-arm64 and dist/SHA256SUMS.
 *
 *   bun scripts/build.ts [--target x64|arm64] [--out DIR]
 *
 * The same commit gives the same bytes, wherever the checkout lies.
 */
import { existsSync, mkdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";

const TARGETS = { x64: "bun-linux-x64", arm64: "bun-linux-arm64" } as const;
type Target = keyof typeof TARGETS;

/** The build date of a source tree that tells none. */
const FALLBACK_SECONDS = Date.UTC(2026, 0, 1) / 1000;

const root = resolve(import.meta.dir, "..");

function git(...args: string[]): string {
  const { success, stdout } = Bun.spawnSync(["git", ...args], { cwd: root, stderr: "ignore" });
  return success ? stdout.toString().trim() : "";
}

/** Build date in ms: SOURCE_DATE_EPOCH, else the time of the commit. */
function buildMs(): number {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && !/^\d+$/.test(given)) {
    throw new Error(`SOURCE_DATE_EPOCH is ${JSON.stringify(given)}; it must be whole seconds since 1970`);
  }
  return Number(given ?? (git("log", "-1", "--format=%ct") || FALLBACK_SECONDS)) * 1000;
}

/**
 * main.ts first, then every thread. Entry points are named by their file name alone, which puts all of them beside the
 * bundle: `new URL("./x-thread.ts", import.meta.url)` then means the same file from source and in the executable.
 */
function entryPoints(): string[] {
  const threads = [...new Bun.Glob("src/**/*-thread.ts").scanSync(root)].sort();
  const names = threads.map((path) => basename(path));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`two threads are named ${twice}; rename one`);
  return ["src/main.ts", ...threads].map((path) => join(root, path));
}

async function build(target: Target, outDir: string): Promise<string> {
  const outfile = join(outDir, `dwbase-linux-${target}`);
  await Bun.build({
    entrypoints: entryPoints(),
    root,
    naming: { entry: "[name].[ext]" },
    format: "esm",
    bytecode: true,
    // Renamed identifiers break libraries that read the source of functions.
    minify: { whitespace: true, syntax: true, identifiers: false },
    define: {
      // Known here, so that only this processor's native addon is carried along.
      "process.arch": JSON.stringify(target),
      DWBASE_BUILD_MS: String(buildMs()),
      DWBASE_BUILD_COMMIT: JSON.stringify(git("rev-parse", "--short=12", "HEAD") || "unknown"),
    },
    compile: { target: TARGETS[target], outfile, autoloadDotenv: false, autoloadBunfig: false },
  });
  return outfile;
}

async function sha256(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return hash.digest("hex");
}

const { values } = parseArgs({ options: { target: { type: "string" }, out: { type: "string" } } });
if (values.target !== undefined && !Object.hasOwn(TARGETS, values.target)) {
  throw new Error(`--target is ${values.target}; it must be x64 or arm64`);
}
const outDir = resolve(values.out ?? join(root, "dist"));
mkdirSync(outDir, { recursive: true });

const wanted = values.target === undefined ? (Object.keys(TARGETS) as Target[]) : [values.target as Target];
for (const target of wanted) {
  const outfile = await build(target, outDir);
  console.log(`${outfile}: ${(Bun.file(outfile).size / 2 ** 20).toFixed(1)} MB`);
}
const sums: string[] = [];
for (const target of Object.keys(TARGETS)) {
  const name = `dwbase-linux-${target}`;
  if (existsSync(join(outDir, name))) sums.push(`${await sha256(join(outDir, name))}  ${name}\n`);
}
await Bun.write(join(outDir, "SHA256SUMS"), sums.join(""));
