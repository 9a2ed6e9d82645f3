import { Fault, LIMITS, LruMap } from "../base/mod.ts";

/** Counts wrong keys per address and slows down those who guess. */
export class WrongKeys {
  private readonly counts = new LruMap<number>(LIMITS.trackedAddresses);
  private readonly sleep: (ms: number) => Promise<void>;
  private waiting = 0;

  constructor(sleep: (ms: number) => Promise<void>) {
    this.sleep = sleep;
  }

  /**
   * Refuses a wrong key from `address`: at once for the first LIMITS.wrongKeysFree, later by a promise that rejects
   * after up to LIMITS.wrongKeyDelayMs.
   * @throws Fault forbidden, or rate_limited when LIMITS.wrongKeyWaiting refusals are waiting already.
   */
  refuse(address: string): Promise<never> {
    const count = (this.counts.get(address) ?? 0) + 1;
    this.counts.set(address, count);
    const excess = count - LIMITS.wrongKeysFree;
    if (excess <= 0) throw wrongKey();
    if (this.waiting >= LIMITS.wrongKeyWaiting) {
      throw new Fault(
        "rate_limited",
        "too many wrong keys are being tried; wait a second and send the right key",
        {
          retryAfter: 1,
        },
      );
    }
    return this.refuseAfter(
      Math.min(LIMITS.wrongKeyDelayMs, (excess * LIMITS.wrongKeyDelayMs) / LIMITS.wrongKeysFree),
    );
  }

  private async refuseAfter(ms: number): Promise<never> {
    this.waiting++;
    try {
      await this.sleep(ms);
    } finally {
      this.waiting--;
    }
    throw wrongKey();
  }
}

function wrongKey(): Fault {
  return new Fault(
    "forbidden",
    "the key is not one of this node's; check it for typing errors or ask for a new one",
  );
}
