import { describe, expect, test } from "bun:test";
import { Fault, LIMITS } from "../../src/base/mod.ts";
import type { BatchItem } from "../../src/engine/mod.ts";
import { ATOM, type Fixture, fixture, NDJSON_TYPE } from "./support.ts";

const line = (change: object = {}) => `${JSON.stringify({ ...ATOM, ...change })}\n`;
const encode = (text: string) => new TextEncoder().encode(text);

/** The answer lines of a whole stream sent at once. */
async function remember(f: Fixture, raw: Bun.BodyInit, query = ""): Promise<Record<string, unknown>[]> {
  const { status, headers, body } = await f.send("POST", `/remember/batch${query}`, {
    raw,
    headers: { "Content-Type": NDJSON_TYPE },
  });
  expect([status, headers.get("content-type")]).toEqual([200, NDJSON_TYPE]);
  return linesOf(body ?? "");
}

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((each) => JSON.parse(each));
}

/** A stream that the test writes to, with the answer as it comes. */
async function open(f: Fixture) {
  let out!: ReadableStreamDefaultController<Uint8Array>;
  let asked = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        out = controller;
      },
      pull() {
        asked++;
      },
      cancel() {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  const request = new Request("http://localhost/remember/batch", {
    method: "POST",
    headers: { "Content-Type": NDJSON_TYPE },
    body,
  });
  const response = await f.server.handle(request);
  const reader = response.body!.getReader();
  return {
    send: (text: string) => out.enqueue(encode(text)),
    end: () => out.close(),
    fail: () => out.error(new Error("connection lost")),
    /** The next answer lines; undefined at the end. */
    next: async () => {
      const { done, value } = await reader.read();
      return done ? undefined : linesOf(new TextDecoder().decode(value));
    },
    leave: () => reader.cancel(),
    asked: () => asked,
    cancelled: () => cancelled,
  };
}

const committed = (f: Fixture) => f.engine.calls.map((call) => call.args as [BatchItem[], number, boolean]);

describe("lines", () => {
  test("every line is answered in order, bad ones with why", async () => {
    const f = fixture();
    const deep = "[".repeat(100);
    const answers = await remember(
      f,
      `${line()}{"world":\n\r\n${line({ importance: 7 })}${deep}\n${line().trim()}`,
    );
    expect(answers.map(({ index, code }) => [index, code])).toEqual([
      [0, undefined],
      [1, "invalid_input"],
      [2, "invalid_input"],
      [3, "invalid_input"],
      [4, undefined],
    ]);
    expect(answers[2]!.error).toContain("importance");
    expect(f.engine.atoms.size).toBe(2);
  });

  test("bad UTF-8 is refused on its line only", async () => {
    const raw = new Blob([line(), new Uint8Array([0x22, 0xff, 0x22, 0x0a]), line()]);
    expect((await remember(fixture(), raw)).map(({ code }) => code)).toEqual([
      undefined,
      "invalid_input",
      undefined,
    ]);
  });

  test("an empty stream has no answer lines", async () => {
    expect(await remember(fixture(), "")).toEqual([]);
    expect(await remember(fixture(), "\n\n")).toEqual([]);
  });

  test("a line that is too long is answered and the rest goes on", async () => {
    const long = `"${"x".repeat(LIMITS.ndjsonLineBytes)}"\n`;
    const answers = await remember(fixture(), line() + long + line());
    expect(answers.map(({ index, code }) => [index, code])).toEqual([
      [0, undefined],
      [1, "payload_too_large"],
      [2, undefined],
    ]);
  });

  test("commits take at most 1,000 lines", async () => {
    const f = fixture();
    const answers = await remember(f, line().repeat(2500), "?durability=relaxed");
    expect(answers.map(({ index }) => index)).toEqual(Array.from({ length: 2500 }, (_, i) => i));
    const commits = committed(f).map(([items, first, relaxed]) => [items.length, first, relaxed]);
    expect(commits.every(([count]) => (count as number) <= LIMITS.batchAtoms)).toBe(true);
    expect(commits.every(([, , relaxed]) => relaxed === true)).toBe(true);
    expect(commits[0]!.slice(0, 2)).toEqual([1000, 0]);
  });

  test("commits take at most about the bytes of one body", async () => {
    const f = fixture();
    await remember(f, line({ payload_json: "x".repeat(250_000) }).repeat(20));
    const sizes = committed(f).map(([items]) => JSON.stringify(items).length);
    expect(Math.max(...sizes)).toBeLessThan(2 * LIMITS.bodyBytes);
    expect(f.engine.atoms.size).toBe(20);
  });

  test.each([
    ["an Idempotency-Key", { "Idempotency-Key": "k" }, ""],
    ["a bad durability", {}, "?durability=no"],
    ["a compressed stream", { "Content-Encoding": "gzip" }, ""],
  ])("%s is refused before the stream is read", async (_what, headers, query) => {
    const f = fixture();
    const { status } = await f.send("POST", `/remember/batch${query}`, {
      raw: line(),
      headers: { "Content-Type": NDJSON_TYPE, ...headers } as Record<string, string>,
    });
    expect([400, 415]).toContain(status);
    expect(f.engine.calls).toEqual([]);
  });
});

describe("faults", () => {
  test("a full disk ends the stream with a last line without index", async () => {
    const f = fixture();
    const stream = await open(f);
    stream.send(line());
    expect((await stream.next())!.map(({ index }) => index)).toEqual([0]);
    f.engine.fault = new Fault("disk_full", "the disk is full");
    stream.send(line() + line());
    expect(await stream.next()).toEqual([{ code: "disk_full", error: "the disk is full" }]);
    expect(await stream.next()).toBeUndefined();
    expect(stream.cancelled()).toBe(true);
    expect(f.engine.atoms.size).toBe(1);
  });

  test("another refusal of the engine is answered line by line, and the stream goes on", async () => {
    const f = fixture();
    const stream = await open(f);
    f.engine.fault = new Fault("overloaded", "full; try again");
    stream.send(line() + line());
    expect(await stream.next()).toEqual([
      { index: 0, code: "overloaded", error: "full; try again" },
      { index: 1, code: "overloaded", error: "full; try again" },
    ]);
    f.engine.fault = undefined;
    stream.send(line());
    stream.end();
    expect((await stream.next())!.map(({ index, code }) => [index, code])).toEqual([[2, undefined]]);
    expect(await stream.next()).toBeUndefined();
  });

  test("a bug is answered without its message", async () => {
    const f = fixture();
    f.engine.fault = new TypeError("secret");
    const answers = await remember(f, line());
    expect(answers).toHaveLength(1);
    expect(answers[0]!.code).toBe("internal_error");
    expect(JSON.stringify(answers)).not.toContain("secret");
    expect(JSON.stringify(f.logs)).toContain("secret");
  });

  test("more than 64 MiB ends the stream after what came before", async () => {
    const f = fixture();
    let sent = 0;
    const filler = encode(`${" ".repeat(1024 * 1024 - 1)}\n`);
    const raw = new ReadableStream<Uint8Array>({
      pull(out) {
        out.enqueue(sent === 0 ? encode(line()) : filler);
        sent++;
      },
    });
    const answers = await remember(f, raw);
    expect(answers.map(({ index, code }) => [index, code])).toEqual([
      [0, undefined],
      [undefined, "payload_too_large"],
    ]);
    expect(sent).toBeLessThan(70);
  });

  test("a stream that is announced as larger is refused at once", async () => {
    const { status } = await fixture().send("POST", "/remember/batch", {
      raw: line(),
      headers: { "Content-Type": NDJSON_TYPE, "Content-Length": String(LIMITS.ndjsonBytes + 1) },
    });
    expect(status).toBe(413);
  });
});

describe("pace", () => {
  test("a slow client is answered without having to send more", async () => {
    const f = fixture();
    const stream = await open(f);
    for (let i = 0; i < 3; i++) {
      stream.send(line());
      expect((await stream.next())!.map(({ index }) => index)).toEqual([i]);
    }
    stream.send(line().trim());
    stream.end();
    expect((await stream.next())!.map(({ index }) => index)).toEqual([3]);
    expect(await stream.next()).toBeUndefined();
  });

  test("what is waiting is committed while more is awaited", async () => {
    const f = fixture();
    const stream = await open(f);
    stream.send(line() + line() + line().slice(0, 10));
    expect(await stream.next()).toHaveLength(2);
    stream.send(line().slice(10));
    expect(await stream.next()).toHaveLength(1);
    stream.end();
    expect(await stream.next()).toBeUndefined();
  });

  test("a client that does not read its answers stops the reading of its lines", async () => {
    const f = fixture();
    const bad = "x\n".repeat(50_000);
    let sent = 0;
    const raw = new ReadableStream<Uint8Array>(
      {
        pull(out) {
          sent++;
          if (sent > 200) out.close();
          else out.enqueue(encode(bad));
        },
      },
      { highWaterMark: 0 },
    );
    const request = new Request("http://localhost/remember/batch", {
      method: "POST",
      headers: { "Content-Type": NDJSON_TYPE },
      body: raw,
    });
    const response = await f.server.handle(request);
    await settled(() => sent);
    expect(sent).toBeLessThan(5);
    await response.body!.cancel();
  });

  test("an empty bucket pauses the stream instead of refusing it", async () => {
    const f = fixture({ rememberPerSec: 1 });
    const stream = await open(f);
    stream.send(line().repeat(LIMITS.batchAtoms + 1));
    let count = 0;
    while (count < LIMITS.batchAtoms) count += (await stream.next())!.length;
    f.clock.advance(1000);
    expect((await stream.next())!.map(({ index }) => index)).toEqual([LIMITS.batchAtoms]);
    stream.end();
    expect(await stream.next()).toBeUndefined();
  });

  test("a client that leaves stops the work", async () => {
    const f = fixture();
    const stream = await open(f);
    stream.send(line());
    await stream.next();
    await stream.leave();
    expect(stream.cancelled()).toBe(true);
    expect(f.logs.filter((each) => each.msg === "request")).toHaveLength(1);
  });

  test("a body that breaks off ends the stream; what was not committed is dropped", async () => {
    const f = fixture();
    const stream = await open(f);
    stream.send(line());
    await stream.next();
    stream.fail();
    expect(await stream.next()).toBeUndefined();
    expect(f.engine.atoms.size).toBe(1);
    expect(f.logs.filter((each) => each.level === "error")).toEqual([]);
  });

  test("eight streams at once; a ninth is refused until one ends", async () => {
    const f = fixture();
    const streams = await Promise.all(Array.from({ length: LIMITS.ndjsonStreams }, () => open(f)));
    const ninth = await f.send("POST", "/remember/batch", {
      raw: line(),
      headers: { "Content-Type": NDJSON_TYPE },
    });
    expect([ninth.status, ninth.body.code, ninth.headers.get("retry-after")]).toEqual([
      503,
      "overloaded",
      "1",
    ]);
    streams[0]!.end();
    expect(await streams[0]!.next()).toBeUndefined();
    expect(await remember(f, line())).toHaveLength(1);
    for (const stream of streams.slice(1)) await stream.leave();
  });

  test("a stopping server commits what it has read and says so", async () => {
    const f = fixture();
    const stream = await open(f);
    stream.send(line());
    await stream.next();
    await f.server.stop();
    expect((await stream.next())!.map(({ code }) => code)).toEqual(["overloaded"]);
    expect(await stream.next()).toBeUndefined();
  });
});

/** Resolves when a number has stopped changing. */
async function settled(value: () => number): Promise<void> {
  for (let last = -1; last !== value(); ) {
    last = value();
    await Bun.sleep(20);
  }
}
