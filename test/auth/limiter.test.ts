import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Caller, Limiter, type RateLimited, rateHeaders } from "../../src/auth/mod.ts";
import { LIMITS, ManualClock } from "../../src/base/mod.ts";

const from = (bucket: string) => ({ bucket }) as Caller;
const me = from("key:me");

function limiter(rememberPerSec: number, askPerMin: number) {
  const clock = new ManualClock();
  return { clock, limits: new Limiter({ rememberPerSec, askPerMin, clock }) };
}

function refusal(act: () => unknown): RateLimited {
  try {
    act();
  } catch (fault) {
    return fault as RateLimited;
  }
  throw new Error("was not refused");
}

test("a rate of 0 limits nothing", () => {
  const { limits } = limiter(0, 0);
  expect(limits.takeFirst("remember", me)).toBeUndefined();
  expect(limits.takeRest("remember", me, 1_000_000)).toBeUndefined();
  expect(limits.waitMs("ask", me)).toBe(0);
});

test("a bucket for which limits are switched off is neither limited nor counted down", () => {
  const clock = new ManualClock();
  let on = false;
  const enabled = (bucket: string) => on && bucket === me.bucket;
  const limits = new Limiter({ rememberPerSec: 0, askPerMin: 1, clock, enabled });
  for (let i = 0; i < 10; i++) expect(limits.takeFirst("ask", me)).toBeUndefined();
  expect(limits.waitMs("ask", me)).toBe(0);
  on = true;
  expect(limits.takeFirst("ask", me)?.remaining).toBe(0);
  expect(limits.waitMs("ask", me)).toBeGreaterThan(0);
  expect(refusal(() => limits.takeFirst("ask", me)).code).toBe("rate_limited");
  expect(limits.takeFirst("ask", from("key:other"))).toBeUndefined();
});

test("a bucket of atoms holds 1,000, or ten seconds of a high rate; one of questions a minute of rate", () => {
  expect(limiter(2, 0).limits.takeFirst("remember", me)?.limit).toBe(1000);
  expect(limiter(500, 0).limits.takeFirst("remember", me)?.limit).toBe(5000);
  expect(limiter(0, 30).limits.takeFirst("ask", me)?.limit).toBe(30);
});

describe("an empty bucket", () => {
  test("refuses, says when to come back, and is right about it", () => {
    const { limits, clock } = limiter(0, 30);
    for (let i = 0; i < 30; i++) limits.takeFirst("ask", me);
    const fault = refusal(() => limits.takeFirst("ask", me));
    expect(fault).toMatchObject({
      code: "rate_limited",
      retryAfter: 2,
      rate: { limit: 30, remaining: 0, reset: 60 },
    });
    expect(rateHeaders(fault.rate)).toEqual({
      "X-RateLimit-Limit": "30",
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-Reset": "60",
    });
    expect(limits.waitMs("ask", me)).toBe(2000);
    clock.advance(1999);
    expect(() => limits.takeFirst("ask", me)).toThrow();
    clock.advance(1);
    expect(limits.takeFirst("ask", me)).toEqual({ limit: 30, remaining: 0, reset: 60 });
  });

  test("is one caller's alone", () => {
    const { limits } = limiter(0, 1);
    limits.takeFirst("ask", me);
    expect(() => limits.takeFirst("ask", me)).toThrow();
    expect(limits.takeFirst("ask", from("address:10.0.0.9"))?.remaining).toBe(0);
  });

  test("does not fill up when the wall clock is set", () => {
    const { limits, clock } = limiter(0, 1);
    limits.takeFirst("ask", me);
    clock.step(clock.now() + 1e9);
    expect(() => limits.takeFirst("ask", me)).toThrow();
  });
});

describe("a batch", () => {
  test("pays one token before it is parsed and the rest after", () => {
    const { limits } = limiter(2, 0);
    limits.takeFirst("remember", me);
    expect(limits.takeRest("remember", me, 400)?.remaining).toBe(600);
    limits.takeFirst("remember", me);
    const fault = refusal(() => limits.takeRest("remember", me, 701));
    expect(fault).toMatchObject({ retryAfter: 51, rate: { remaining: 599 } });
  });

  test("of a whole bucket is let in when the bucket is full", () => {
    const { limits } = limiter(2, 0);
    limits.takeFirst("remember", me);
    expect(limits.takeRest("remember", me, LIMITS.batchAtoms)?.remaining).toBe(0);
  });

  test("larger than the bucket is let in by a full one, whose debt is then paid off", () => {
    const { limits, clock } = limiter(2, 0);
    limits.takeFirst("remember", me);
    limits.takeRest("remember", me, 1500);
    expect(limits.waitMs("remember", me)).toBe(250_500);
    clock.advance(250_499);
    expect(() => limits.takeFirst("remember", me)).toThrow();
    clock.advance(1);
    limits.takeFirst("remember", me);
    expect(refusal(() => limits.takeRest("remember", me, 1500)).retryAfter).toBe(500);
  });
});

test("over any time no more than the bucket and the rate pass", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 1, max: 600 })), {
        maxLength: 40,
      }),
      (rate, steps) => {
        const { limits, clock } = limiter(rate, 0);
        let taken = 0;
        let elapsed = 0;
        for (const [ms, count] of steps) {
          clock.advance(ms);
          elapsed += ms;
          try {
            limits.takeFirst("remember", me);
            taken++;
            limits.takeRest("remember", me, count);
            taken += count - 1;
          } catch (fault) {
            expect((fault as RateLimited).code).toBe("rate_limited");
          }
        }
        const capacity = Math.max(LIMITS.batchAtoms, 10 * rate);
        expect(taken).toBeLessThanOrEqual(capacity + (elapsed * rate) / 1000 + 1e-6);
      },
    ),
  );
});

test("the callers remembered are bounded: the one seen longest ago starts anew", () => {
  const { limits } = limiter(0, 2);
  limits.takeFirst("ask", me);
  limits.takeFirst("ask", me);
  for (let i = 1; i < LIMITS.trackedAddresses; i++) limits.takeFirst("ask", from(`address:${i}`));
  expect(() => limits.takeFirst("ask", me)).toThrow();
  for (let i = 0; i < LIMITS.trackedAddresses; i++) limits.takeFirst("ask", from(`address:x${i}`));
  expect(limits.takeFirst("ask", me)?.remaining).toBe(1);
});
