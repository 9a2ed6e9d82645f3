/** The circuit breaker: 5 failures in a row open it for 30 s, 3 trials that succeed close it. */
import { describe, expect, test } from "bun:test";
import { CircuitBreaker, Fault, LIMITS, ManualClock } from "../../src/base/mod.ts";

const FAILURE = new Error("away");
const OWN_ABORT = new Error("own abort");

function subject() {
  const clock = new ManualClock();
  const circuit = new CircuitBreaker("the weather station", clock);
  const counts = (error: unknown) => error !== OWN_ABORT;
  const call = <T>(how: () => Promise<T>) => circuit.run(how, counts).catch((error: Error) => error);
  return {
    clock,
    circuit,
    call,
    good: () => call(async () => "fine"),
    bad: async (times = 1) => {
      for (let i = 0; i < times; i++) await call(() => Promise.reject(FAILURE));
    },
  };
}

describe("closed", () => {
  test("lets calls through and gives back what they give or throw", async () => {
    const { circuit, call, good } = subject();
    expect(await good()).toBe("fine");
    expect(await call(() => Promise.reject(FAILURE))).toBe(FAILURE);
    expect(circuit.state()).toBe("closed");
  });

  test("opens at the fifth failure in a row", async () => {
    const { circuit, good, bad } = subject();
    await bad(LIMITS.circuitFailures - 1);
    await good();
    await bad(LIMITS.circuitFailures - 1);
    expect(circuit.state()).toBe("closed");
    await bad();
    expect(circuit.state()).toBe("open");
  });

  test("does not count errors that are not the other side's", async () => {
    const { circuit, call } = subject();
    for (let i = 0; i < 20; i++) await call(() => Promise.reject(OWN_ABORT));
    expect(circuit.state()).toBe("closed");
  });
});

describe("open", () => {
  test("refuses without calling and says for how long", async () => {
    const { clock, call, bad } = subject();
    await bad(LIMITS.circuitFailures);
    clock.advance(LIMITS.circuitOpenMs - 2500);
    const fault = (await call(() => expect.unreachable())) as Fault;
    expect(fault).toBeInstanceOf(Fault);
    expect([fault.code, fault.retryAfter]).toEqual(["unreachable", 3]);
    expect(fault.message).toContain("the weather station is not asked for 3 s");
  });

  test("becomes half open after 30 s, whatever the wall clock does", async () => {
    const { clock, circuit, bad } = subject();
    await bad(LIMITS.circuitFailures);
    clock.step(clock.now() + 10 * LIMITS.circuitOpenMs);
    expect(circuit.state()).toBe("open");
    clock.advance(LIMITS.circuitOpenMs);
    expect(circuit.state()).toBe("half_open");
  });
});

describe("half open", () => {
  async function halfOpen() {
    const it = subject();
    await it.bad(LIMITS.circuitFailures);
    it.clock.advance(LIMITS.circuitOpenMs);
    return it;
  }

  test("closes at the third success", async () => {
    const { circuit, good } = await halfOpen();
    await good();
    await good();
    expect(circuit.state()).toBe("half_open");
    await good();
    expect(circuit.state()).toBe("closed");
  });

  test("opens for another 30 s at one failure", async () => {
    const { clock, circuit, good, bad } = await halfOpen();
    await good();
    await bad();
    expect(circuit.state()).toBe("open");
    clock.advance(LIMITS.circuitOpenMs);
    expect(circuit.state()).toBe("half_open");
  });

  test("lets three calls through at a time", async () => {
    const { circuit, call, good } = await halfOpen();
    const held = Promise.withResolvers<string>();
    const trials = Array.from({ length: LIMITS.circuitTrials }, () => call(() => held.promise));
    expect(await good()).toBeInstanceOf(Fault);
    held.resolve("fine");
    await Promise.all(trials);
    expect(circuit.state()).toBe("closed");
  });

  test("gives back the place of a trial that counts as nothing", async () => {
    const { circuit, call, good } = await halfOpen();
    for (let i = 0; i < 10; i++) await call(() => Promise.reject(OWN_ABORT));
    expect(circuit.state()).toBe("half_open");
    expect(await good()).toBe("fine");
  });

  test("does not hear of calls that began before it opened", async () => {
    const { clock, circuit, call, bad } = subject();
    const held = Promise.withResolvers<string>();
    const early = call(() => held.promise);
    await bad(LIMITS.circuitFailures);
    clock.advance(LIMITS.circuitOpenMs);
    held.reject(FAILURE);
    await early;
    expect(circuit.state()).toBe("half_open");
  });
});

describe("by hand", () => {
  test("open stays open until close", async () => {
    const { clock, circuit, good } = subject();
    circuit.open();
    clock.advance(100 * LIMITS.circuitOpenMs);
    expect(circuit.state()).toBe("open");
    expect(((await good()) as unknown as Fault).retryAfter).toBe(30);
    circuit.close();
    expect(await good()).toBe("fine");
  });
});
