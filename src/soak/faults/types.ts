import type { ChildNode, Dice } from "../../load/mod.ts";
import type { Model } from "../model.ts";
import type { Volume } from "../volume.ts";
import type { Workload } from "../workload.ts";

/** What a fault is made with. */
export interface Bench {
  node: ChildNode;
  model: Model;
  workload: Workload;
  volume: Volume;
  dice: Dice;
  /** Runs this executable with some arguments to its end. */
  run(args: readonly string[]): Promise<Ran>;
}

export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** What became of a fault. */
export interface Outcome {
  /** A sentence: what was done and what was seen. */
  detail: string;
  /** What should not have been. */
  problems: string[];
  /** From the moment the trouble was over until the node served as before. */
  recovered_ms?: number;
}

/**
 * One kind of trouble. It begins and ends with a running node; the load is on at the beginning and may be on or off at
 * the end. What is lost is not for it to find: everything is compared with the model afterwards.
 */
export interface FaultKind {
  name: string;
  make(bench: Bench): Promise<Outcome>;
}

/** A fault comes at a random moment of the load. */
export async function somewhere(dice: Dice, ms: number): Promise<void> {
  await Bun.sleep(Math.floor(dice.next() * ms));
}

/** Waits until `holds`. @returns ms it took, or undefined when it did not come */
export async function until(
  holds: () => Promise<boolean> | boolean,
  ms: number,
): Promise<number | undefined> {
  const began = performance.now();
  while (performance.now() - began < ms) {
    if (await holds()) return Math.round(performance.now() - began);
    await Bun.sleep(25);
  }
  return undefined;
}

/** Kills the node under load. */
export async function killUnderLoad({ node, workload, dice }: Bench): Promise<void> {
  await somewhere(dice, 1500);
  await node.kill();
  await workload.stop();
}

/** Starts the node again. @returns ms until it was ready */
export async function startAgain({ node }: Bench, env: Record<string, string> = {}): Promise<number> {
  const began = performance.now();
  await node.start(env);
  return Math.round(performance.now() - began);
}
