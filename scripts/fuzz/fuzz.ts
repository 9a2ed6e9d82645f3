import fc from "fast-check";
import { Fault } from "../../src/base/mod.ts";
import type { Target } from "./target.ts";

/** What became of the cases. */
export interface FuzzReport {
  target: string;
  cases: number;
  accepted: number;
  /** Refused cases, by code. */
  refused: Record<string, number>;
  ms: number;
  /** The case that took the processor longest, ms. */
  slowest: number;
}

/** A case that keeps the processor longer hangs. Time that a busy machine lets it wait is not its own. */
export const CASE_MS = 2000;

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * Runs a target on `cases` cases.
 * @throws Error with the shrunk case when one is answered by anything but success or a refusal, or takes too long
 */
export async function fuzz(target: Target, cases: number, seed?: number): Promise<FuzzReport> {
  const report: FuzzReport = { target: target.name, cases, accepted: 0, refused: {}, ms: 0, slowest: 0 };
  const began = performance.now();
  const property = fc.asyncProperty(target.cases, async (input) => {
    const before = processorMs();
    try {
      await target.run(input);
      report.accepted += 1;
    } catch (error) {
      if (!(error instanceof Fault) || !target.refusals.includes(error.code)) throw error;
      report.refused[error.code] = (report.refused[error.code] ?? 0) + 1;
    }
    const took = processorMs() - before;
    report.slowest = Math.max(report.slowest, took);
    if (took > CASE_MS) throw new Error(`a case took ${Math.round(took)} ms of the processor`);
  });
  try {
    await fc.assert(property, { numRuns: cases, ...(seed === undefined ? {} : { seed }) });
  } finally {
    target.close?.();
  }
  report.ms = performance.now() - began;
  return report;
}
