/** The http embedder before a provider in memory: requests, cache, failures, circuit, dimension. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Fault, LIMITS } from "../../src/base/mod.ts";
import {
  type Act,
  answer,
  body,
  embed,
  fakeVector,
  faultOf,
  hang,
  items,
  OPENS,
  status,
  texts,
  times,
  withProvider,
} from "./fake-provider.ts";
import { cosine } from "./reference.ts";

describe("a request", () => {
  test("is an OpenAI-compatible one, with the key as a bearer", async () => {
    const { embedder, sent } = withProvider([], { key: "secret" });
    await embed(embedder, "one", "two");
    expect(sent.length).toBe(1);
    expect([sent[0]!.model, sent[0]!.input]).toEqual(["bge-m3", ["one", "two"]]);
    expect(sent[0]!.headers.get("authorization")).toBe("Bearer secret");
    expect(sent[0]!.headers.get("content-type")).toBe("application/json");
  });

  test("carries no authorization without a key", async () => {
    const { embedder, sent } = withProvider();
    await embed(embedder, "one");
    expect(sent[0]!.headers.has("authorization")).toBe(false);
  });

  test.each([
    ["http://gpu:8000", "http://gpu:8000/v1/embeddings"],
    ["http://gpu:8000/", "http://gpu:8000/v1/embeddings"],
    ["https://gpu/api/v1/", "https://gpu/api/v1/embeddings"],
    ["http://gpu/v1/embeddings", "http://gpu/v1/embeddings"],
    ["http://gpu/openai/embed?api-version=2", "http://gpu/openai/embed?api-version=2"],
  ])("to %s goes to %s", async (url, to) => {
    const { embedder, sent } = withProvider([], { url });
    await embed(embedder, "one");
    expect(sent[0]!.url).toBe(to);
  });

  test("holds at most 64 texts, each text once, and no blank ones", async () => {
    const { embedder, sent } = withProvider();
    const many = texts(150);
    const vectors = await embed(embedder, ...many, "", ...many);
    expect(sent.map(({ input }) => input.length)).toEqual([64, 64, 22]);
    expect(vectors.length).toBe(301);
    many.forEach((text, i) => {
      expect(cosine(vectors[i]!, fakeVector(text))).toBeCloseTo(1, 6);
      expect(vectors[151 + i]).toEqual(vectors[i]!);
    });
  });

  test("holds at most 256 KB of characters, unless it is one text; a text is cut at 65,536", async () => {
    const { embedder, sent } = withProvider();
    const long = "ab".repeat(LIMITS.embedTextChars);
    await embed(embedder, ...texts(5).map((text) => text + long));
    expect(sent.map(({ input }) => input.map(({ length }) => length))).toEqual([
      new Array(4).fill(LIMITS.embedTextChars),
      [LIMITS.embedTextChars],
    ]);
  });

  test("holds well-formed text only", async () => {
    const { embedder, sent } = withProvider();
    await embed(embedder, "a\ud800b");
    expect(sent[0]!.input).toEqual(["a\ufffdb"]);
  });
});

describe("the cache", () => {
  test("answers a text that was asked before", async () => {
    const { embedder, sent } = withProvider();
    const [first] = await embed(embedder, "one");
    const again = await embed(embedder, "two", "one");
    expect(again[1]).toEqual(first!);
    expect(sent.map(({ input }) => input)).toEqual([["one"], ["two"]]);
  });

  test("keeps as many as configured, those used last", async () => {
    const { embedder, sent } = withProvider([], { cacheSize: 2 });
    for (const text of ["one", "two", "one", "three", "one", "two"]) await embed(embedder, text);
    expect(sent.map(({ input }) => input[0])).toEqual(["one", "two", "three", "two"]);
  });

  test("of size 0 keeps none, and long texts are never kept", async () => {
    const none = withProvider([], { cacheSize: 0 });
    for (let i = 0; i < 2; i++) await embed(none.embedder, "one");
    expect(none.sent.length).toBe(2);
    const some = withProvider();
    for (let i = 0; i < 2; i++) await embed(some.embedder, "x".repeat(LIMITS.embedCacheChars + 1));
    expect(some.sent.length).toBe(2);
  });

  test("still answers while the circuit is open", async () => {
    const { embedder } = withProvider();
    const [known] = await embed(embedder, "one");
    embedder.circuit.open();
    expect(await embed(embedder, "one")).toEqual([known!]);
  });
});

describe("a failed request", () => {
  const away: Act = () => {
    throw new TypeError("connection refused");
  };

  test.each([
    ["no connection", away],
    ["status 500", status(500)],
    ["status 503", status(503)],
    ["status 429", status(429)],
    ["status 408", status(408)],
  ])("with %s is tried again, with growing pauses", async (_, act) => {
    const { embedder, sent, pauses } = withProvider([act, act]);
    expect((await embed(embedder, "one")).length).toBe(1);
    expect(sent.length).toBe(3);
    expect(pauses).toEqual([LIMITS.embedPauseMs / 2, LIMITS.embedPauseMs]);
  });

  test("is given up after three tries; the fault names the provider without its password", async () => {
    const { embedder, sent } = withProvider(times(9, away), { url: "http://user:hidden@gpu.test/v1" });
    const fault = await faultOf(embed(embedder, "one"));
    expect(fault.code).toBe("unreachable");
    expect(fault.message).toContain("http://gpu.test/v1/embeddings cannot be reached (connection refused)");
    expect(fault.message).not.toContain("hidden");
    expect(sent.length).toBe(3);
  });

  test("pauses for no longer than the doubling bound, whatever the jitter", async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 0.999, noNaN: true }), async (random) => {
        const { embedder, pauses } = withProvider(times(2, status(500)), { random: () => random });
        await embed(embedder, "one");
        pauses.forEach((ms, i) => {
          expect(ms).toBeGreaterThanOrEqual((LIMITS.embedPauseMs * 2 ** i) / 2);
          expect(ms).toBeLessThanOrEqual(LIMITS.embedPauseMs * 2 ** i);
        });
      }),
      { numRuns: 20 },
    );
  });

  test.each([
    ["401", "unreachable", "check embedder.url, embedder.model and its key"],
    ["404", "unreachable", "check embedder.url"],
    ["302", "unreachable", "check embedder.url"],
    ["400", "invalid_input", "does not take these texts"],
    ["413", "invalid_input", "does not take these texts"],
  ])("with status %s is not tried again: %s", async (code, expected, why) => {
    const { embedder, sent } = withProvider([status(Number(code), "the provider's own words")]);
    const fault = await faultOf(embed(embedder, "one"));
    expect(fault.code).toBe(expected as Fault["code"]);
    expect(fault.message).toContain(why);
    expect(fault.message).toContain("the provider's own words");
    expect(sent.length).toBe(1);
  });

  test("without an answer in time is tried again with half of the texts, which grow again", async () => {
    const { embedder, sent } = withProvider([hang, hang], { timeoutMs: 1 });
    await embed(embedder, ...texts(64));
    expect(sent.map(({ input }) => input.length)).toEqual([64, 32, 16, 32, 16]);
  });

  test("without an answer in time says what to raise", async () => {
    const { embedder } = withProvider(times(3, hang), { timeoutMs: 1 });
    const fault = await faultOf(embed(embedder, "one"));
    expect([fault.code, fault.message]).toEqual([
      "unreachable",
      expect.stringContaining("embedder.timeout_ms"),
    ]);
  });

  test("keeps what earlier batches gave", async () => {
    const { embedder, sent } = withProvider([() => undefined, ...times(3, status(500))], { cacheSize: 100 });
    await faultOf(embed(embedder, ...texts(70)));
    await embed(embedder, ...texts(70));
    expect(sent.at(-1)!.input).toEqual(texts(6, 64));
  });
});

describe("the caller's signal", () => {
  test("ends a request under way, which speaks against nobody", async () => {
    const controller = new AbortController();
    const abortedLater: Act = (sent) => {
      queueMicrotask(() => controller.abort());
      return hang(sent);
    };
    const { embedder, sent } = withProvider([abortedLater]);
    const fault = await faultOf(embedder.embedMany(["one"], controller.signal));
    expect(fault.code).toBe("deadline_exceeded");
    expect(sent.length).toBe(1);
    for (let i = 0; i < 2 * OPENS; i++) await faultOf(embedder.embedMany(["one"], controller.signal));
    expect([sent.length, embedder.state()]).toEqual([1, "closed"]);
  });

  test("ends a pause between tries", async () => {
    const controller = new AbortController();
    const { embedder, sent } = withProvider([status(500)], { sleep: async () => controller.abort() });
    expect((await faultOf(embedder.embedMany(["one"], controller.signal))).code).toBe("deadline_exceeded");
    expect(sent.length).toBe(1);
  });
});

describe("the circuit", () => {
  test("opens after five failures, refuses without asking, and closes after three trials", async () => {
    const { embedder, clock, sent } = withProvider(times(OPENS, status(500)));
    await faultOf(embed(embedder, "one"));
    await faultOf(embed(embedder, "one"));
    expect([sent.length, embedder.state()]).toEqual([OPENS, "open"]);
    const fault = await faultOf(embed(embedder, "one"));
    expect([fault.code, fault.retryAfter, sent.length]).toEqual(["unreachable", 30, OPENS]);
    clock.advance(LIMITS.circuitOpenMs);
    for (const text of ["one", "two"]) await embed(embedder, text);
    expect(embedder.state()).toBe("half_open");
    await embed(embedder, "three");
    expect(embedder.state()).toBe("closed");
  });

  test("opens again at a failed trial", async () => {
    const { embedder, clock } = withProvider(times(OPENS + 1, status(404)));
    for (let i = 0; i < OPENS; i++) await faultOf(embed(embedder, "one"));
    clock.advance(LIMITS.circuitOpenMs);
    await faultOf(embed(embedder, "one"));
    expect(embedder.state()).toBe("open");
  });

  test("does not open for texts that the provider does not take", async () => {
    const { embedder } = withProvider(times(3 * OPENS, status(400)));
    for (let i = 0; i < 3 * OPENS; i++) await faultOf(embed(embedder, "one"));
    expect(embedder.state()).toBe("closed");
  });
});

describe("the dimension", () => {
  test("is that of the first answer when none is configured", async () => {
    const { embedder } = withProvider();
    expect(embedder.space).toEqual({ model: "bge-m3", dimension: 0, version: 1 });
    await embed(embedder, "one");
    expect(embedder.space).toEqual({ model: "bge-m3", dimension: 8, version: 1 });
  });

  test("of an answer must be the configured one", async () => {
    const { embedder, sent } = withProvider([], { dimension: 1024 });
    const fault = await faultOf(embed(embedder, "one"));
    expect(fault.code).toBe("unreachable");
    expect(fault.message).toContain("vectors of 8 numbers for the model bge-m3, not 1024");
    expect(fault.message).toContain("embedder.dimension");
    expect(sent.length).toBe(1);
  });

  test("must not change, between answers or in one", async () => {
    const later = withProvider([() => undefined, ({ input }) => answer(input, 9)]);
    await embed(later.embedder, "one");
    expect((await faultOf(embed(later.embedder, "two"))).message).toContain("9 numbers");
    const within = withProvider([body(items([1, 0], [1, 0, 0]))]);
    expect((await faultOf(embed(within.embedder, "one", "two"))).message).toContain("3 numbers");
    expect(within.embedder.space.dimension).toBe(0);
  });

  test("is at most 4096", async () => {
    const { embedder } = withProvider([({ input }) => answer(input, LIMITS.vectorDimensions + 1)]);
    expect((await faultOf(embed(embedder, "one"))).message).toContain("not at most 4096");
  });
});
