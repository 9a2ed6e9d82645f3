/** What the http embedder makes of a provider's answers: in memory, then over a socket. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Fault, LIMITS } from "../../src/base/mod.ts";
import { type Act, body, embed, faultOf, items, withProvider } from "./fake-provider.ts";

describe("an answer", () => {
  test("may hold its vectors as base64 of little-endian floats", async () => {
    const floats = new DataView(new ArrayBuffer(8));
    floats.setFloat32(0, 3, true);
    floats.setFloat32(4, -4, true);
    const { embedder } = withProvider([body(items(new Uint8Array(floats.buffer).toBase64()))]);
    expect(await embed(embedder, "one")).toEqual([new Float32Array([0.6, -0.8])]);
  });

  test("may leave out the indexes, or give the items in any order", async () => {
    const unnumbered = { data: [{ embedding: [1, 0] }, { embedding: [0, 1] }] };
    const turned = {
      data: [
        { index: 1, embedding: [0, 1] },
        { index: 0, embedding: [1, 0] },
      ],
    };
    for (const good of [unnumbered, turned]) {
      const { embedder } = withProvider([body(good)]);
      expect(await embed(embedder, "one", "two")).toEqual([
        new Float32Array([1, 0]),
        new Float32Array([0, 1]),
      ]);
    }
  });

  test.each([
    ["not JSON", () => new Response("<html>"), "not JSON"],
    ["not UTF-8", () => new Response(new Uint8Array([0x22, 0xff, 0x22])), "not JSON"],
    ["empty", () => new Response(null), "not JSON"],
    ["null", body(null), "no data array"],
    ["without data", body({ error: "no" }), "no data array"],
    ["with too few vectors", body(items([1, 0])), "1 vectors for 2 texts"],
    ["with too many", body(items([1], [1], [1])), "3 vectors for 2 texts"],
    [
      "with one index twice",
      body({
        data: [
          { index: 0, embedding: [1] },
          { index: 0, embedding: [1] },
        ],
      }),
      "item 1",
    ],
    ["with an index too high", body({ data: [{ index: 2, embedding: [1] }, { embedding: [1] }] }), "item 0"],
    ["with an index that is no number", body({ data: [{ index: "0", embedding: [1] }, {}] }), "item 0"],
    ["with null items", body({ data: [null, null] }), "no vector of numbers"],
    ["with empty vectors", body(items([], [])), "no vector of numbers"],
    ["with texts for numbers", body(items(["1"], ["2"])), "no vector of numbers"],
    ["with nulls for numbers", body(items([null], [1])), "no vector of numbers"],
    ["with numbers out of range", body(items([1e308, 1e308], [1, 1])), "no vector of numbers"],
    ["with base64 that is none", body(items("*", "*")), "no vector of numbers"],
    ["with base64 of half floats", body(items("AAA=", "AAA=")), "no vector of numbers"],
    ["with base64 of NaN", body(items("//////8=", "AAAAAA==")), "no vector of numbers"],
  ] satisfies [string, Act, string][])("%s is refused at once", async (_, act, why) => {
    const { embedder, sent } = withProvider([act]);
    const fault = await faultOf(embed(embedder, "one", "two"));
    expect(fault.code).toBe("unreachable");
    expect(fault.message).toContain("cannot be used");
    expect(fault.message).toContain(why);
    expect(sent.length).toBe(1);
  });

  test("of any JSON gives vectors or a fault", async () => {
    const item = fc.record({
      index: fc.oneof(fc.nat(2), fc.anything()),
      embedding: fc.oneof(fc.array(fc.double()), fc.base64String(), fc.jsonValue()),
    });
    const any = fc.oneof(fc.jsonValue(), fc.record({ data: fc.array(item, { maxLength: 3 }) }));
    await fc.assert(
      fc.asyncProperty(any, async (value) => {
        const { embedder } = withProvider([() => new Response(JSON.stringify(value) ?? "")]);
        const result = await embed(embedder, "one").catch((error: unknown) => error);
        if (!(result instanceof Fault)) expect(result).toEqual([expect.any(Float32Array)]);
      }),
    );
  });
});

describe("over a socket", () => {
  /** A provider that sends `start` and then nothing more, or goes on for ever with `more`. */
  function serve(start: string, more?: string) {
    return Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(start),
            pull: (controller) => (more === undefined ? new Promise(() => {}) : controller.enqueue(more)),
          }),
        ),
    });
  }
  const overSocket = { fetch: (url: string, init: RequestInit) => fetch(url, init) };

  test("an answer that does not end in time is given up", async () => {
    await using server = serve('{"data": [');
    const { embedder } = withProvider([], { ...overSocket, url: server.url.href, timeoutMs: 30 });
    expect((await faultOf(embed(embedder, "one"))).message).toContain("gave no answer in 30 ms");
  });

  test("an answer of more than 8 MB is not read on", async () => {
    await using server = serve("[", " ".repeat(64 * 1024));
    const { embedder } = withProvider([], { ...overSocket, url: server.url.href });
    expect((await faultOf(embed(embedder, "one"))).message).toContain(
      `more than ${LIMITS.embedAnswerBytes} bytes`,
    );
  });

  test("a provider that is not there is unreachable", async () => {
    const server = serve("");
    const url = server.url.href;
    await server.stop(true);
    const { embedder } = withProvider([], { ...overSocket, url });
    expect((await faultOf(embed(embedder, "one"))).message).toContain("cannot be reached");
  });

  test("a redirect is not followed", async () => {
    let asked = 0;
    await using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => {
        asked++;
        return Response.redirect("/elsewhere", 307);
      },
    });
    const { embedder } = withProvider([], { ...overSocket, url: server.url.href });
    expect((await faultOf(embed(embedder, "one"))).message).toContain("answered 307");
    expect(asked).toBe(1);
  });
});
