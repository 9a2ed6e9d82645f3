import { BUILD } from "./build.ts";

/** The only source of time; tests put their own in its place. */
export interface Clock {
  /** Wall clock, ms since the epoch. May step. */
  now(): number;
  /** Monotonic ms since some start. Never steps. */
  monotonic(): number;
}

/** Names the ms by which a node under test takes its wall clock to be wrong (`dwbase test soak`). */
export const CLOCK_SHIFT_VARIABLE = "DWBASE_TEST_CLOCK_SHIFT_MS";
const SHIFT_MS = Number(process.env[CLOCK_SHIFT_VARIABLE] ?? 0) || 0;

export const systemClock: Clock = {
  now: () => Date.now() + SHIFT_MS,
  monotonic: () => performance.now(),
};

/** A device without a battery clock starts in the past: before the build date its wall clock is not believed. */
export function clockIsSane(clock: Clock): boolean {
  return clock.now() >= BUILD.date;
}

/** A clock under a test's control. */
export class ManualClock implements Clock {
  private wall: number;
  private mono = 0;

  constructor(wall = BUILD.date + 1000) {
    this.wall = wall;
  }

  now(): number {
    return this.wall;
  }

  monotonic(): number {
    return this.mono;
  }

  /** Time passes. */
  advance(ms: number): void {
    this.wall += ms;
    this.mono += ms;
  }

  /** The wall clock is set; no time passes. */
  step(wall: number): void {
    this.wall = wall;
  }
}
