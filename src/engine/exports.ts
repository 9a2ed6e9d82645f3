import type { ReplayRequest } from "../atom/mod.ts";
import { LIMITS, LruMap } from "../base/mod.ts";

/** A caller who reads a world whole again and again is entered once in this time. */
const AGAIN_MS = 3_600_000;

/**
 * Recognises that a caller has read a world whole: an unfiltered replay from its beginning to its last page, which is
 * what `dwbase export` does, whoever sends it. Replays that filter, or stop before the end, are not told from ordinary
 * reading. What is remembered is bounded: of very many callers at once the oldest are forgotten.
 */
export class Exports {
  /** By caller and world: monotonic ms of the last entry; -Infinity when there is none. */
  private readonly begun = new LruMap<number>(LIMITS.trackedAddresses);

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Told of each page that was read. @returns whether with it the caller has read all */
  isWhole(bucket: string, { world, filter, after }: ReplayRequest, next: string | undefined): boolean {
    const { limit: _, ...restricting } = filter ?? {};
    if (Object.values(restricting).some((value) => value !== undefined)) return false;
    const key = `${bucket}\u0000${world}`;
    const entered = this.begun.get(key);
    if (after === undefined && entered === undefined) this.begun.set(key, Number.NEGATIVE_INFINITY);
    const begun = after === undefined || entered !== undefined;
    if (!begun || next !== undefined || this.now() - (entered ?? Number.NEGATIVE_INFINITY) < AGAIN_MS)
      return false;
    this.begun.set(key, this.now());
    return true;
  }
}
