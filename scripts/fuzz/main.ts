/**
 * Fuzzes every parser that takes bytes from outside.
 *
 *   npm run fuzz -- [--cases 100000] [--target NAME] [--seed N]
 *
 * Each target runs in a process of its own: a crash, a hang and memory that grows are told from a refusal. Prints a
 * line a target; exit 1 when one failed, with the seed and the shrunk case.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { MB } from "../../src/base/mod.ts";
import { type FuzzReport, fuzz } from "./fuzz.ts";
import { TARGETS } from "./targets.ts";

/** Resident memory that a target may add at its peak. */
const GROWTH_BYTES = 256 * MB;
/** Time a target gets for a case on average, and for starting. */
const MS_PER_CASE = 20;
const START_MS = 60_000;
/** Cases after which the process counts as warm. */
const WARM = 500;

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "100000" },
    target: { type: "string" },
    seed: { type: "string" },
    child: { type: "boolean", default: false },
  },
});
const cases = Number(values.cases);
const seed = values.seed === undefined ? undefined : Number(values.seed);

function peakBytes(): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? 0) * 1024;
}

/** One target in this process. Prints its report. */
async function child(name: string): Promise<void> {
  await fuzz(await TARGETS[name]!(), WARM, seed);
  const before = peakBytes();
  const report = await fuzz(await TARGETS[name]!(), cases, seed);
  console.log(JSON.stringify({ ...report, growth: peakBytes() - before }));
}

/** @returns whether the target held */
async function supervise(name: string): Promise<boolean> {
  const args = ["--child", "--target", name, "--cases", String(cases)];
  if (seed !== undefined) args.push("--seed", String(seed));
  const run = Bun.spawn([process.execPath, import.meta.path, ...args], { stdout: "pipe", stderr: "pipe" });
  let hung = false;
  const timer = setTimeout(
    () => {
      hung = true;
      run.kill("SIGKILL");
    },
    START_MS + cases * MS_PER_CASE,
  );
  const [out, err] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
  clearTimeout(timer);
  if (run.exitCode !== 0) {
    console.log(`${name}: ${hung ? "hangs" : `failed (${run.exitCode ?? run.signalCode})`}\n${err}`);
    return false;
  }
  const report: FuzzReport & { growth: number } = JSON.parse(out);
  const refused = Object.entries(report.refused).map(([code, n]) => `${n} ${code}`);
  const growth = report.growth / MB;
  const figures = `${growth.toFixed(0)} MB at the peak, slowest ${report.slowest.toFixed(1)} ms, ${(report.ms / 1000).toFixed(0)} s`;
  console.log(
    `${name}: ${report.cases} cases, ${[`${report.accepted} taken`, ...refused].join(", ")}; ${figures}`,
  );
  if (report.growth <= GROWTH_BYTES) return true;
  console.log(`${name}: memory grew by more than ${GROWTH_BYTES / MB} MB`);
  return false;
}

if (!Number.isSafeInteger(cases) || cases < 1) throw new Error("--cases takes a whole number from 1");
const names = Object.keys(TARGETS).filter((name) => values.target === undefined || values.target === name);
if (names.length === 0) throw new Error(`--target takes one of ${Object.keys(TARGETS).join(", ")}`);
if (values.child) {
  await child(names[0]!);
} else {
  const failed: string[] = [];
  for (const name of names) if (!(await supervise(name))) failed.push(name);
  console.log(failed.length === 0 ? "all held" : `failed: ${failed.join(", ")}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
