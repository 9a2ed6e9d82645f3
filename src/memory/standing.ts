import { LIMITS } from "../base/mod.ts";
import { dropState, readState, type WriteContext, writeState } from "../storage/mod.ts";

/** Name in `memory_state` of what a running pass has seen. */
const NAME = "consolidation:standing";

/**
 * Episodes of the pages before that no other stands for, by what they say: an episode finds there the newer one that it
 * duplicates. An entry is left out when it is more than LIMITS.consolidationReach episodes back, merged ones counted, so
 * that a second pass sees what the first one saw.
 */
export class Standing {
  private constructor(private readonly entries: Map<string, [id: string, at: number]>) {}

  /** @param at episodes of the window before this page. @throws Fault storage_error */
  static before(ctx: WriteContext, world: number, at: number): Standing {
    const kept = at === 0 ? undefined : readState(ctx.db, world, NAME);
    const entries = Object.entries<[string, number]>(kept === undefined ? {} : JSON.parse(kept));
    return new Standing(new Map(entries.filter(([, [, seen]]) => at - seen <= LIMITS.consolidationReach)));
  }

  /** @returns the id of the episode that says the same, or undefined when this is the first to say it */
  findOrAdd(signature: string, id: string, at: number): string | undefined {
    const there = this.entries.get(signature);
    this.entries.set(signature, [there?.[0] ?? id, at]);
    return there?.[0];
  }

  /** @throws Fault disk_full */
  keep(ctx: WriteContext, world: number): void {
    writeState(ctx, world, NAME, JSON.stringify(Object.fromEntries(this.entries)));
  }

  /** When a pass is done. */
  static drop(ctx: WriteContext, world: number): void {
    dropState(ctx, world, NAME);
  }
}
