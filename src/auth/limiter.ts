import { type Clock, Fault, LIMITS, LruMap } from "../base/mod.ts";
import type { Caller } from "./caller.ts";

/** What is limited: atoms remembered, questions asked, requests of the memory family. */
export type Limited = "remember" | "ask" | "memory";

export interface LimiterOptions {
  /** Atoms a second for each key or address; 0 = unlimited. */
  rememberPerSec: number;
  /** Questions a minute for each key or address; 0 = unlimited. */
  askPerMin: number;
  /** Whether requests of the memory family are limited, to LIMITS.memoryPerMin. */
  memory?: () => boolean;
  clock: Clock;
  /** Whether a bucket is limited at the moment; always when absent. */
  enabled?: (bucket: string) => boolean;
}

/** The state of a caller's bucket, for the X-RateLimit headers. */
export interface Rate {
  /** Tokens of a full bucket. */
  limit: number;
  remaining: number;
  /** Seconds until the bucket is full again. */
  reset: number;
}

/** 429: the bucket lacks tokens. `retryAfter` says when it will have them; nothing was taken. */
export class RateLimited extends Fault {
  readonly rate: Rate;

  constructor(message: string, rate: Rate, retryAfter: number) {
    super("rate_limited", message, { retryAfter });
    this.name = "RateLimited";
    this.rate = rate;
  }
}

export function rateHeaders(rate: Rate): Record<string, string> {
  return {
    "X-RateLimit-Limit": String(rate.limit),
    "X-RateLimit-Remaining": String(rate.remaining),
    "X-RateLimit-Reset": String(rate.reset),
  };
}

/** Tokens by which rounding may leave a bucket short of what time has brought. */
const ROUNDING = 1e-9;

interface Bucket {
  /** Below zero while a batch larger than the bucket is being paid off. */
  tokens: number;
  /** Monotonic ms of the last refill. */
  at: number;
}

interface Plan {
  perMs: number;
  capacity: number;
  buckets: LruMap<Bucket>;
}

/**
 * Token buckets per key, else per address. A bucket forgotten by the bounded map starts full again.
 * A bucket of atoms holds max(10 s of rate, one whole batch); a bucket of questions holds one minute of rate.
 */
export class Limiter {
  private readonly clock: Clock;
  private readonly plans: Record<Limited, Plan | undefined>;
  private readonly enabled: (bucket: string) => boolean;
  private readonly memory: () => boolean;
  /** Plans of keys that have a rate of their own, by that rate. */
  private readonly own = new LruMap<Plan>(LIMITS.keyRates);

  constructor(options: LimiterOptions) {
    this.clock = options.clock;
    this.enabled = options.enabled ?? (() => true);
    this.memory = options.memory ?? (() => false);
    const { rememberPerSec, askPerMin } = options;
    this.plans = {
      remember: rememberPlan(rememberPerSec),
      ask: plan(askPerMin / 60_000, Math.max(1, askPerMin)),
      memory: plan(LIMITS.memoryPerMin / 60_000, LIMITS.memoryBurst),
    };
  }

  /**
   * Takes the one token that a request costs before its body is parsed.
   * @returns the bucket's state, or undefined when nothing is limited.
   * @throws RateLimited when there is no token.
   */
  takeFirst(what: Limited, caller: Caller): Rate | undefined {
    return this.take(what, caller, 1, 1);
  }

  /**
   * Takes the tokens of a batch of `count` atoms beyond the one of `takeFirst`. A bucket that is otherwise full
   * admits a batch larger than itself and goes into debt.
   * @throws RateLimited when there are too few.
   */
  takeRest(what: Limited, caller: Caller, count: number): Rate | undefined {
    const capacity = this.planOf(what, caller)?.capacity ?? 0;
    return this.take(what, caller, count - 1, Math.min(count, capacity) - 1);
  }

  /** Ms until the caller's bucket has a token; 0 = now. A stream pauses its reading for that long. */
  waitMs(what: Limited, caller: Caller): number {
    const plan = this.planOf(what, caller);
    if (!plan) return 0;
    return Math.max(0, Math.ceil((1 - this.refilled(plan, caller.bucket).tokens) / plan.perMs));
  }

  /** What limits the caller now: of a key's own rate and the node's the lower. */
  private planOf(what: Limited, caller: Caller): Plan | undefined {
    if (what === "memory" && !this.memory()) return undefined;
    const own =
      what === "remember" && caller.rememberPerSec > 0 ? this.ownPlan(caller.rememberPerSec) : undefined;
    const common = this.plans[what];
    const plan = own && (!common || own.perMs < common.perMs) ? own : common;
    return plan && this.enabled(caller.bucket) ? plan : undefined;
  }

  private ownPlan(rate: number): Plan | undefined {
    const known = this.own.get(String(rate));
    if (known) return known;
    const made = rememberPlan(rate);
    if (made) this.own.set(String(rate), made);
    return made;
  }

  /** Takes `cost` tokens when the bucket holds at least `needed`. */
  private take(what: Limited, caller: Caller, cost: number, needed: number): Rate | undefined {
    const plan = this.planOf(what, caller);
    if (!plan) return undefined;
    const bucket = this.refilled(plan, caller.bucket);
    if (bucket.tokens + ROUNDING < needed) {
      const seconds = Math.max(1, Math.ceil((needed - bucket.tokens) / plan.perMs / 1000));
      throw new RateLimited(
        `the limit of this node for ${what} is reached; nothing was done: try again in ${seconds} s`,
        rateOf(plan, bucket),
        seconds,
      );
    }
    bucket.tokens -= cost;
    return rateOf(plan, bucket);
  }

  private refilled(plan: Plan, key: string): Bucket {
    const now = this.clock.monotonic();
    const bucket = plan.buckets.get(key);
    if (!bucket) {
      const full = { tokens: plan.capacity, at: now };
      plan.buckets.set(key, full);
      return full;
    }
    bucket.tokens = Math.min(plan.capacity, bucket.tokens + (now - bucket.at) * plan.perMs);
    bucket.at = now;
    return bucket;
  }
}

function rememberPlan(perSec: number): Plan | undefined {
  return plan(perSec / 1000, Math.max(10 * perSec, LIMITS.batchAtoms));
}

function plan(perMs: number, capacity: number): Plan | undefined {
  return perMs > 0 ? { perMs, capacity, buckets: new LruMap(LIMITS.trackedAddresses) } : undefined;
}

function rateOf(plan: Plan, bucket: Bucket): Rate {
  return {
    limit: plan.capacity,
    remaining: Math.max(0, Math.floor(bucket.tokens)),
    reset: Math.ceil((plan.capacity - bucket.tokens) / plan.perMs / 1000),
  };
}
