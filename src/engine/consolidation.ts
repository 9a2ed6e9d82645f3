import { RESERVED } from "../atom/mod.ts";
import { type Clock, systemClock } from "../base/mod.ts";
import type { FlagReader, Gate } from "../control/mod.ts";
import type { MemorySettings } from "../memory/mod.ts";
import { allWorlds, type StoreWriter, type WriteContext } from "../storage/mod.ts";
import { memoryRoom } from "./memory-room.ts";

/** How often it is looked whether a session is due. */
const LOOK_MS = 3_600_000;
/** After a piece it rests nine times as long as the piece took: its budget is a tenth of the writer's quiet time. */
const REST = 9;
const LEAST_REST_MS = 50;

/** Sessions lie in reserved worlds; a store without one has none. */
function holdsSessions({ db }: WriteContext): boolean {
  return allWorlds(db).some(({ name }) => name.startsWith(RESERVED));
}

/**
 * Consolidates sessions in the writer's quiet moments, a piece at a time. How far it came is in the store, so that it
 * goes on after a kill; recall reads on its own thread and waits for nothing here.
 */
export class Consolidation {
  private due: { session: string; deep: boolean }[] = [];
  private nextLook = 0;
  private nextPiece = 0;

  /** @param control stops it, and says of which sessions it may take care */
  constructor(
    private readonly writer: StoreWriter,
    private readonly settings: MemorySettings,
    private readonly control: Pick<Gate, "resting"> & FlagReader,
    private readonly clock: Clock = systemClock,
  ) {}

  /**
   * To be called while nothing waits for the writer: does one piece, if there is one and its budget allows.
   * @returns ms until it wants to be called again
   * @throws Fault why the session could not be consolidated; others go on with the next call, it at the next look
   */
  step(): number {
    const begun = this.clock.monotonic();
    if (this.control.resting || this.writer.full || this.writer.failing) return LEAST_REST_MS * REST;
    if (begun < this.nextPiece) return this.nextPiece - begun;
    if (this.due.length === 0) this.look(begun);
    const next = this.due[0];
    if (next === undefined) return Math.max(0, this.nextLook - begun);
    if (!this.control.enabled("memory_consolidation", next.session) || this.piece(next)) this.due.shift();
    const rest = Math.max(LEAST_REST_MS, REST * (this.clock.monotonic() - begun));
    this.nextPiece = this.clock.monotonic() + rest;
    return rest;
  }

  private look(now: number): void {
    if (now < this.nextLook) return;
    this.nextLook = now + LOOK_MS;
    this.due = this.writer.commitOne((ctx) =>
      holdsSessions(ctx) ? memoryRoom().dueConsolidations(ctx) : [],
    );
  }

  /** @returns whether the session is done */
  private piece({ session, deep }: { session: string; deep: boolean }): boolean {
    try {
      return this.writer.commitOne((ctx) =>
        memoryRoom().consolidationSlice(ctx, session, deep, this.settings),
      ).done;
    } catch (cause) {
      this.due.shift();
      throw cause;
    }
  }
}
