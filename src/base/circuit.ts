import type { Clock } from "./clock.ts";
import { Fault } from "./errors.ts";
import { LIMITS } from "./limits.ts";

export type CircuitState = "closed" | "open" | "half_open";

/** How a breaker stands. */
export interface CircuitReport {
  state: CircuitState;
  /** In a row while closed. */
  failures: number;
  /** Of trial calls while half open. */
  successes: number;
}

/**
 * Stands before calls to something outside that may be away. Closed, it counts failures in a row and opens at
 * LIMITS.circuitFailures. Open, it refuses at once. After LIMITS.circuitOpenMs it is half open: it lets up to
 * LIMITS.circuitTrials calls through at a time; LIMITS.circuitSuccesses successes close it, one failure opens it again.
 */
export class CircuitBreaker {
  private failures = 0;
  private successes = 0;
  private trials = 0;
  /** Monotonic ms until which it is open; undefined while it is closed. */
  private openUntil: number | undefined;
  /** Calls begun before the last change of state do not count any more. */
  private epoch = 0;

  /** @param name what is called, as it stands in faults: "the embedding provider" */
  constructor(
    readonly name: string,
    private readonly clock: Clock,
  ) {}

  state(): CircuitState {
    if (this.openUntil === undefined) return "closed";
    return this.clock.monotonic() < this.openUntil ? "open" : "half_open";
  }

  report(): CircuitReport {
    return { state: this.state(), failures: this.failures, successes: this.successes };
  }

  /**
   * Runs `call` and counts how it ends.
   * @param failed whether an error speaks against the other side; others, such as an abort of our own, count as nothing
   * @throws Fault unreachable when the circuit is open, with the seconds to wait; else what `call` throws
   */
  async run<T>(call: () => Promise<T>, failed: (error: unknown) => boolean): Promise<T> {
    const trial = this.admit();
    const epoch = this.epoch;
    try {
      const result = await call();
      if (epoch === this.epoch) this.succeed();
      return result;
    } catch (error) {
      if (epoch === this.epoch && failed(error)) this.fail();
      throw error;
    } finally {
      if (trial && epoch === this.epoch) this.trials--;
    }
  }

  /** By hand: calls go through again and nothing is held against the other side. */
  close(): void {
    this.change(undefined);
  }

  /** By hand: refuses every call until `close`. */
  open(): void {
    this.change(Number.POSITIVE_INFINITY);
  }

  /** Whether the call that is let through is a trial. */
  private admit(): boolean {
    const state = this.state();
    if (state === "closed") return false;
    if (state === "open" || this.trials === LIMITS.circuitTrials) throw this.refusal();
    this.trials++;
    return true;
  }

  private refusal(): Fault {
    const left = this.openUntil! - this.clock.monotonic();
    const seconds = Number.isFinite(left) ? Math.max(1, Math.ceil(left / 1000)) : LIMITS.circuitOpenMs / 1000;
    const message = `${this.name} is not asked for ${seconds} s, since it failed before; look whether it runs`;
    return new Fault("unreachable", message, { retryAfter: seconds });
  }

  private succeed(): void {
    this.failures = 0;
    if (this.openUntil !== undefined && ++this.successes === LIMITS.circuitSuccesses) this.change(undefined);
  }

  private fail(): void {
    this.failures++;
    if (this.openUntil === undefined && this.failures < LIMITS.circuitFailures) return;
    this.change(this.clock.monotonic() + LIMITS.circuitOpenMs);
  }

  private change(openUntil: number | undefined): void {
    this.openUntil = openUntil;
    this.failures = 0;
    this.successes = 0;
    this.trials = 0;
    this.epoch++;
  }
}
