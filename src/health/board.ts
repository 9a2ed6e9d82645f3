import { BUILD, type Clock, clockIsSane, type Stage } from "../base/mod.ts";
import type { Control } from "../control/mod.ts";
import { BEAT, BEAT_MS, type HealthBody, type HealthCheck, type ThreadStatus } from "../engine/mod.ts";

/** How a budget stands. */
export interface Budget {
  /** Bytes. */
  used: number;
  budget: number;
  stage: Stage;
}

export interface BoardOptions {
  clock: Clock;
  /** Use, size and stage of the budgets. */
  budgets: { readonly memory: Budget; readonly disk: Budget };
  /** Share of the volume from which the node counts as degraded. */
  diskUsageDegraded: number;
  /** Seconds after which an index that lags earns a warning. */
  indexWarnSeconds: number;
  /** Not ready while an index lags. */
  requireIndex: boolean;
  /** What is looked at beside the threads: backups, power, kernel clock; refreshed elsewhere. */
  device?: () => readonly HealthCheck[];
  /** What an operator has stopped; nothing when absent. */
  control?: Pick<Control, "stopped" | "closed">;
}

/** A thread whose heartbeat stands still this long is reported; a slow disk alone takes a second or two. */
const STILL_MS = 10_000;

/**
 * What is known of the node's health, in memory: /health, /readyz and the metrics read it without touching the disk
 * or a thread.
 */
export class HealthBoard {
  private readonly started: number;
  private status: ThreadStatus | undefined;
  private beats: Int32Array | undefined;
  private readonly seen: { beat: number; at: number }[] = [];
  private dead = "";
  /** What was found damaged while the node ran. */
  private readonly damage = new Set<string>();
  private unusable = "";

  constructor(private readonly options: BoardOptions) {
    this.started = options.clock.monotonic();
  }

  /** The threads are up; their heartbeats are watched from now on. */
  watch(beats: Int32Array): void {
    this.beats = beats;
  }

  update(status: ThreadStatus): void {
    this.status = status;
  }

  /** A thread is gone. */
  bury(reason: string): void {
    this.dead = reason;
  }

  /** Something stored is damaged; each thread tells at most LIMITS.damageNotes of it. */
  damaged(found: readonly string[]): void {
    for (const sentence of found) this.damage.add(sentence);
  }

  /** Why no world is searched by a graph. */
  withoutGraphs(why: string): void {
    this.unusable = why;
  }

  get last(): ThreadStatus | undefined {
    return this.status;
  }

  /** Whether the node can serve: threads up, disk below the degraded mark, not closed by control. O(1). */
  ready(): boolean {
    if (this.options.control?.closed) return false;
    if (this.options.requireIndex && this.lagMs > 0) return false;
    return this.beats !== undefined && this.storageCheck().status !== "critical" && !this.diskIsFull();
  }

  body(): HealthBody {
    const checks = this.checks();
    const bad = checks.filter((check) => check.status !== "ok");
    const { diskTotal = 0, diskFree = 0 } = this.status ?? {};
    const { memory, disk } = this.options.budgets;
    return {
      status: bad.length === 0 ? "ready" : "degraded",
      message: bad.length === 0 ? "ready" : bad.map((check) => check.message).join("; "),
      disk_usage: {
        used_bytes: diskTotal - diskFree,
        total_bytes: diskTotal,
        percent_used: diskTotal === 0 ? 0 : Math.round(((diskTotal - diskFree) / diskTotal) * 10_000) / 100,
      },
      index_rebuild_lag_ms: this.lagMs,
      version: BUILD.version,
      uptime_s: Math.round((this.options.clock.monotonic() - this.started) / 1000),
      memory: { rss_bytes: memory.used, budget_bytes: memory.budget, stage: memory.stage },
      disk: { used_bytes: disk.used, budget_bytes: disk.budget, stage: disk.stage },
      checks,
    };
  }

  /** Age of the oldest atom that is not in every index yet. */
  private get lagMs(): number {
    return this.status?.indexLagMs ?? 0;
  }

  private diskIsFull(): boolean {
    const { diskTotal = 0, diskFree = 0 } = this.status ?? {};
    return diskTotal > 0 && (diskTotal - diskFree) / diskTotal > this.options.diskUsageDegraded;
  }

  private checks(): HealthCheck[] {
    return [
      this.storageCheck(),
      this.controlCheck(),
      ...budgetChecks(this.options.budgets),
      this.indexCheck(),
      this.diskIsFull()
        ? { name: "disk", status: "warning", message: "the volume is nearly full; free some space" }
        : { name: "disk", status: "ok", message: "there is space on the volume" },
      clockIsSane(this.options.clock)
        ? { name: "clock", status: "ok", message: "the clock is past the build date" }
        : {
            name: "clock",
            status: "warning",
            message: "the clock is behind the build date; set it or wait for NTP",
          },
      ...(this.options.device?.() ?? []),
    ];
  }

  private indexCheck(): HealthCheck {
    const name = "index";
    const seconds = Math.round(this.lagMs / 1000);
    if (seconds > this.options.indexWarnSeconds) {
      const message = `vectors are ${seconds} s behind; look at /index/status`;
      return { name, status: "warning", message };
    }
    if (this.unusable !== "") return { name, status: "warning", message: this.unusable };
    return {
      name,
      status: "ok",
      message: seconds === 0 ? "indexes are complete" : `vectors are ${seconds} s behind`,
    };
  }

  /** Without the reason of a panic, which is for who has the admin key. */
  private controlCheck(): HealthCheck {
    const name = "control";
    const { control } = this.options;
    // while the threads start everything is stopped, which the storage check says better
    const stopped = this.beats && control ? control.stopped : "";
    if (stopped === "") return { name, status: "ok", message: "nothing is stopped" };
    return { name, status: control!.closed ? "critical" : "warning", message: stopped };
  }

  private storageCheck(): HealthCheck {
    const name = "storage";
    if (this.dead !== "") return { name, status: "critical", message: this.dead };
    if (!this.beats) return { name, status: "critical", message: "the store is being opened" };
    for (const [thread, cell] of [
      ["writer", BEAT.writer],
      ["recall", BEAT.recall],
    ] as const) {
      const still = this.stillFor(cell);
      if (still > STILL_MS) {
        return {
          name,
          status: "critical",
          message: `the ${thread} has not answered for ${Math.round(still / 1000)} s`,
        };
      }
    }
    const [damage, ...more] = this.damage;
    if (damage !== undefined) {
      const others = more.length > 0 ? ` (and ${more.length} more)` : "";
      return { name, status: "warning", message: `${damage}${others}; all else is served` };
    }
    const trouble = this.status?.trouble ?? "";
    return trouble === ""
      ? { name, status: "ok", message: "reads and writes are served" }
      : { name, status: "warning", message: trouble };
  }

  /** How long a heartbeat has stood still, ms, as far as this board has looked. */
  private stillFor(cell: number): number {
    const now = this.options.clock.monotonic();
    const beat = Atomics.load(this.beats!, cell);
    const seen = this.seen[cell];
    if (!seen || seen.beat !== beat) {
      this.seen[cell] = { beat, at: now };
      return 0;
    }
    return now - seen.at;
  }

  /** For how long the thread that stands still longest has not moved, ms; 0 before they are watched. */
  stillest(): number {
    return this.beats ? Math.max(this.stillFor(BEAT.writer), this.stillFor(BEAT.recall)) : 0;
  }

  /** Looks at the heartbeats; to be called about every BEAT_MS. */
  observe(): void {
    if (!this.beats) return;
    this.stillFor(BEAT.writer);
    this.stillFor(BEAT.recall);
  }
}

export const OBSERVE_MS = BEAT_MS * 2;

const PRESSED = {
  tight: { status: "warning", message: "is tight: caches are dropped" },
  critical: { status: "critical", message: "is used up: new work is refused" },
} as const;
const REMEDY = {
  memory: "ask for less at once, or raise node.limits.max_ram_mb",
  disk: "forget memories, set a retention policy, or raise node.limits.max_disk_mb",
} as const;

function budgetChecks(budgets: BoardOptions["budgets"]): HealthCheck[] {
  return (["memory", "disk"] as const).map((resource): HealthCheck => {
    const name = `${resource}_budget`;
    const { stage } = budgets[resource];
    if (stage === "ok") return { name, status: "ok", message: `the ${resource} budget holds` };
    const { status, message } = PRESSED[stage];
    return { name, status, message: `the ${resource} budget ${message}; ${REMEDY[resource]}` };
  });
}
