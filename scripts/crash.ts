/**
 * The crash campaign: kills the executable at random moments under mixed load and compares what is there with a model.
 *
 *   bun scripts/crash.ts [--rounds 50] [--bin FILE]
 *
 * Without --bin the executable of this processor is built first.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "50" }, bin: { type: "string" } },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new Error(`--rounds is ${values.rounds}; it must be 1 or more`);

const root = resolve(import.meta.dir, "..");
const target = process.arch === "arm64" ? "arm64" : "x64";
const bin = resolve(values.bin ?? join(root, "dist", `dwbase-linux-${target}`));

async function run(args: string[], env: Record<string, string> = {}): Promise<void> {
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if ((await child.exited) !== 0) process.exit(1);
}

if (values.bin === undefined) await run(["scripts/build.ts", "--target", target]);
await run(["test", "test/system/kill.test.ts"], { DWBASE_BIN: bin, DWBASE_KILL_ROUNDS: String(rounds) });
