import { Fault } from "../base/mod.ts";
import { FLAGS, type FlagName, type FlagSetting } from "./flags.ts";

/** What a flag is asked by, on whatever thread; each asking is counted. */
export interface FlagReader {
  /**
   * Whether the flag is on for `unit`: a session of the memory family, else the bucket of a caller. Without a unit a
   * flag that is rolled out to a part only is off.
   */
  enabled(flag: FlagName, unit?: string): boolean;
}

/** What kinds of work can be stopped, as bits of the gate. */
export const GATE = { background: 1, writes: 2, reads: 4 } as const;
/** A bit beside those of GATE: what was kept is not read yet, so that for a moment nobody knows what is stopped. */
export const STARTING = 8;
export type Work = keyof typeof GATE;
export const ALL_WORK = GATE.background | GATE.writes | GATE.reads;

/** Where work asks whether it may go on, on whatever thread. */
export interface Gate {
  /** Whether background work rests. */
  readonly resting: boolean;
  /** @throws Fault read_only or maintenance when this work is stopped */
  require(work: "writes" | "reads"): void;
}

/** Shares are kept in hundredths of a percent. */
const WHOLE = 10_000;
const GATE_CELL = 0;
/** Per flag: its share, and how often it was asked. */
const CELLS_OF_FLAG = 2;
const CELLS = 1 + FLAGS.length * CELLS_OF_FLAG;

const INDEX = new Map<FlagName, number>(FLAGS.map(({ name }, at) => [name, 1 + at * CELLS_OF_FLAG]));

/**
 * The memory that main and its threads share for flags and the gate. Main alone sets them; a set value holds on every
 * thread from then on, without a message. Wherever it is not told otherwise, nothing is stopped and flags stand at
 * their defaults.
 */
export class ControlCells implements FlagReader, Gate {
  private readonly cells: Int32Array;

  constructor(readonly buffer: SharedArrayBuffer = defaults()) {
    this.cells = new Int32Array(buffer);
  }

  enabled(flag: FlagName, unit?: string): boolean {
    const at = INDEX.get(flag)!;
    Atomics.add(this.cells, at + 1, 1);
    return within(flag, Atomics.load(this.cells, at), unit);
  }

  /** Whether an enabled flag is on for everyone. */
  isWhole(flag: FlagName): boolean {
    return Atomics.load(this.cells, INDEX.get(flag)!) === WHOLE;
  }

  /** How often the flag was asked since the start. */
  usage(flag: FlagName): number {
    return Atomics.load(this.cells, INDEX.get(flag)! + 1) >>> 0;
  }

  set(flag: FlagName, { enabled, rollout_percentage }: FlagSetting): void {
    Atomics.store(this.cells, INDEX.get(flag)!, enabled ? Math.round(rollout_percentage * 100) : 0);
  }

  get resting(): boolean {
    return (this.stopped & GATE.background) !== 0;
  }

  get stopped(): number {
    return Atomics.load(this.cells, GATE_CELL);
  }

  /** @param bits of GATE */
  stop(bits: number): void {
    Atomics.store(this.cells, GATE_CELL, bits);
  }

  require(work: "writes" | "reads"): void {
    const { stopped } = this;
    if (stopped !== 0 && (stopped & GATE[work]) !== 0) throw stoppedFault(stopped);
  }
}

function defaults(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(4 * CELLS);
  const cells = new Int32Array(buffer);
  for (const { name, enabled } of FLAGS) cells[INDEX.get(name)!] = enabled ? WHOLE : 0;
  return buffer;
}

/** A unit keeps its side of a share, and a growing share only ever adds units. */
function within(flag: FlagName, share: number, unit: string | undefined): boolean {
  if (share === WHOLE || share === 0) return share === WHOLE;
  return unit !== undefined && Bun.hash.xxHash32(`${flag}\u0000${unit}`) % WHOLE < share;
}

const RETRY_S = 30;

/** Why work is refused while these bits are set. */
export function stoppedFault(bits: number): Fault {
  if ((bits & STARTING) !== 0) return starting();
  return (bits & GATE.reads) !== 0
    ? new Fault("maintenance", "the node takes no requests for now; try again later", { retryAfter: RETRY_S })
    : new Fault("read_only", "the node is read-only for now: nothing was changed; try again later", {
        retryAfter: RETRY_S,
      });
}

/** Passing, so that a client tries again. */
export function starting(): Fault {
  return new Fault("overloaded", "the node is starting; try again in 1 s", { retryAfter: 1 });
}
