import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readSeal } from "./snapshot.ts";

const NAME = /^(\d+)-(\d+)(\.tmp)?$/;

export function snapshotName(world: number, space: number): string {
  return `${world}-${space}`;
}

/**
 * Deletes the snapshots that may hold a removed vector: those of worlds and spaces that are gone, whose epoch is not
 * the world's any more, that cannot be read, and what is not a snapshot. Reads a few bytes of each. Called at start
 * and soon after each removal.
 * @param epochOf a world's epoch; undefined when the world or the space is gone
 * @param unfinished also delete unfinished ones; true while nothing is being built
 * @returns the names of deleted files
 */
export function sweepSnapshots(
  dir: string,
  epochOf: (world: number, space: number) => number | undefined,
  unfinished: boolean,
): string[] {
  if (!existsSync(dir)) return [];
  const stale = readdirSync(dir).filter((file) => {
    const [, world, space, temp] = NAME.exec(file) ?? [];
    if (world === undefined) return true;
    if (temp !== undefined) return unfinished;
    const epoch = epochOf(Number(world), Number(space));
    return epoch === undefined || epochIn(join(dir, file)) !== epoch;
  });
  for (const file of stale) rmSync(join(dir, file), { force: true, recursive: true });
  return stale;
}

function epochIn(path: string): number | undefined {
  try {
    return readSeal(path).epoch;
  } catch {
    return undefined;
  }
}
