import { type Clock, MB } from "../base/mod.ts";
import type { ThreadedEngine, VectorBudget } from "../engine/mod.ts";
import type { Log, Metrics } from "../telemetry/mod.ts";
import { FilePages, ramBudget, SAMPLE_MS, Watchdog } from "../watchdog/mod.ts";

export interface BudgetOptions {
  /** node.limits.max_ram_mb, 0 = from the machine. */
  maxRamMb: number;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  engine: () => ThreadedEngine | undefined;
  /** Memory stays critical. */
  restart: (reason: string) => void;
}

/** From start to the first release of file pages: what only the start needs is not needed any more. */
const SETTLED_MS = 1000;

/** The watchdog with its acts on this process. */
export class Budgets {
  readonly watchdog: Watchdog;
  /** Undefined until first needed. */
  private pages: FilePages | null | undefined;
  private readonly timers: Timer[] = [];

  constructor(private readonly options: BudgetOptions) {
    const { log, metrics, engine } = options;
    this.watchdog = new Watchdog({
      ramBudget: ramBudget(options.maxRamMb),
      clock: options.clock,
      acts: {
        press: (stage) => engine()?.press(stage),
        shed: () => {
          engine()?.shed();
          Bun.gc(true);
        },
        release: () => this.release(),
        restart: (reason) => options.restart(reason),
        event: ({ resource, from, to, used, budget }) => {
          metrics.budgetEvents.inc({ resource, stage: to });
          const words = `${resource} budget: ${from} to ${to}`;
          log.logger[to === "ok" ? "info" : "warn"]({ resource, from, to, used, budget }, words);
        },
      },
    });
  }

  /** From now on the budgets are watched. */
  start(): void {
    this.timers.push(
      setInterval(() => this.watchdog.sample(), SAMPLE_MS),
      setTimeout(() => this.release(), SETTLED_MS),
    );
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  private release(): void {
    if (this.pages === undefined) this.pages = this.openPages();
    this.pages?.release();
  }

  /** @returns null when pages cannot be given back here */
  private openPages(): FilePages | null {
    try {
      return new FilePages();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.options.log.logger.warn(
        { reason },
        "pages of files cannot be given back: the node takes more memory",
      );
      return null;
    }
  }
}

/** The vectors' part of a RAM budget: small ones keep none in memory and stream them from the database instead. */
export function vectorBudget(ram: number, graphFrom: number): VectorBudget {
  if (ram < 256 * MB) return { cacheBytes: 0, graphBytes: 0, graphFrom };
  return { cacheBytes: Math.min(32 * MB, Math.floor(ram / 8)), graphBytes: Math.floor(ram / 4), graphFrom };
}
