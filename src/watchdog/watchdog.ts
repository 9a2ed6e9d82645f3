import { type Clock, nextStage, type Stage } from "../base/mod.ts";
import { childrenBytes, type Resident, resident } from "./memory.ts";

/** How often memory is looked at; a look costs some ten microseconds. */
export const SAMPLE_MS = 50;
/** Children come and go seldom, and finding them costs more. */
const CHILDREN_MS = 1000;
/** Pages of files come back as they are used: how soon they are given back again. */
const RELEASE_MS = { tight: 200, near: 0, critical: 0 } as const;
/** Pauses between collections of all threads, some ten milliseconds each; they grow while they do not help. */
const SHED_MS = { tight: 1000, near: 500, critical: 200 } as const;
const SHED_PAUSE_MS = 16_000;
/** Share from which a tight memory is treated as nearly critical: work that is under way still takes some. */
const NEAR = 0.9;
/** A stage is entered at once, and left when use has stayed lower for so long, so that its acts do not flap. */
const DWELL_MS = 5000;
/** Memory that stays critical so long does not come back by itself. */
const RESTART_MS = 30_000;

/** A budget went from one stage to another. */
export interface StageEvent {
  resource: "memory" | "disk";
  from: Stage;
  to: Stage;
  used: number;
  budget: number;
}

const LEVEL: Readonly<Record<Stage, number>> = { ok: 0, tight: 1, critical: 2 };

/** What the watchdog sets in motion. */
export interface Acts {
  /** Memory entered a stage: queues are cut, searches made cheaper, new work refused; or all is as before again. */
  press(stage: Stage): void;
  /** Caches and garbage of every thread are to go. */
  shed(): void;
  /** Clean pages of files are given back, at once. */
  release(): void;
  /** Memory stays critical: the node is to be started again, in order. */
  restart(reason: string): void;
  /** For log and metrics. */
  event(event: StageEvent): void;
}

export interface WatchdogOptions {
  /** Bytes. */
  ramBudget: number;
  clock: Clock;
  acts: Acts;
  /** Memory of this process and of its children; /proc unless a test says otherwise. */
  read?: () => Resident;
  children?: () => number;
}

/** What the budgets' watch knows at the moment. */
export interface BudgetState {
  used: number;
  budget: number;
  stage: Stage;
}

/**
 * Keeps memory inside its budget: gives pages back, has caches shed, and refuses work before the budget is reached.
 * Disk is bounded by the writer; its stages are only told here. To be sampled every SAMPLE_MS.
 */
export class Watchdog {
  private readonly options: WatchdogOptions;
  private readonly read: () => Resident;
  private readonly children: () => number;
  private now: BudgetState;
  private diskNow: BudgetState = { used: 0, budget: 0, stage: "ok" };
  private ofChildren = 0;
  private childrenAt = Number.NEGATIVE_INFINITY;
  private releasedAt = Number.NEGATIVE_INFINITY;
  private shedAt = Number.NEGATIVE_INFINITY;
  private pause: number = SHED_MS.tight;
  private criticalSince: number | undefined;
  private lowerSince: number | undefined;

  constructor(options: WatchdogOptions) {
    this.options = options;
    this.read = options.read ?? resident;
    this.children = options.children ?? childrenBytes;
    this.now = { used: this.use(), budget: options.ramBudget, stage: "ok" };
  }

  get memory(): BudgetState {
    return this.now;
  }

  get disk(): BudgetState {
    return this.diskNow;
  }

  /** Looks at memory and acts. */
  sample(): void {
    const { acts, clock, ramBudget } = this.options;
    const time = clock.monotonic();
    if (time - this.childrenAt >= CHILDREN_MS) {
      this.childrenAt = time;
      this.ofChildren = this.children();
    }
    const before = this.now.stage;
    let used = this.use();
    const seen = nextStage(before, used, ramBudget);
    if (seen !== "ok" && time - this.releasedAt >= RELEASE_MS[this.urgency(seen, used)]) {
      this.releasedAt = time;
      acts.release();
      used = this.use();
    }
    const urgent = nextStage(before, used, ramBudget);
    const stage = this.dwell(before, urgent, time);
    this.now = { used, budget: ramBudget, stage };
    if (stage !== before) this.entered(before, time);
    if (urgent === "ok") return;
    this.shedIfDue(urgent, time);
    this.restartIfDue(time);
  }

  private dwell(before: Stage, next: Stage, time: number): Stage {
    if (LEVEL[next] >= LEVEL[before]) {
      this.lowerSince = undefined;
      return next;
    }
    this.lowerSince ??= time;
    return time - this.lowerSince >= DWELL_MS ? next : before;
  }

  /** What the writer says of the disk: it enforces that budget, the stage is told on. */
  setDisk(disk: BudgetState): void {
    const before = this.diskNow.stage;
    this.diskNow = disk;
    if (disk.stage === before) return;
    this.options.acts.event({
      resource: "disk",
      from: before,
      to: disk.stage,
      used: disk.used,
      budget: disk.budget,
    });
  }

  private use(): number {
    const { own, file } = this.read();
    return own + file + this.ofChildren;
  }

  private entered(before: Stage, time: number): void {
    const { acts, ramBudget } = this.options;
    const { used, stage } = this.now;
    this.criticalSince = stage === "critical" ? time : undefined;
    if (stage === "ok") this.pause = SHED_MS.tight;
    acts.event({ resource: "memory", from: before, to: stage, used, budget: ramBudget });
    acts.press(stage);
  }

  private urgency(stage: "tight" | "critical", used: number): keyof typeof SHED_MS {
    return stage === "tight" && used >= NEAR * this.options.ramBudget ? "near" : stage;
  }

  private shedIfDue(stage: "tight" | "critical", time: number): void {
    const urgency = this.urgency(stage, this.now.used);
    if (time - this.shedAt < (urgency === "tight" ? this.pause : SHED_MS[urgency])) return;
    // what did not help at the last try will hardly help at once
    if (urgency === "tight") this.pause = Math.min(SHED_PAUSE_MS, this.pause * 2);
    this.shedAt = time;
    this.options.acts.shed();
  }

  private restartIfDue(time: number): void {
    if (this.criticalSince === undefined || time - this.criticalSince < RESTART_MS) return;
    this.criticalSince = time;
    this.options.acts.restart(
      `memory stayed critical for ${RESTART_MS / 1000} s; the node is started again (raise node.limits.max_ram_mb if this happens often)`,
    );
  }
}
