import { describe, expect, test } from "bun:test";
import { encodeMsgpack } from "../../src/atom/mod.ts";
import { Fault } from "../../src/base/mod.ts";
import { ATOM, fixture, ID, JSON_TYPE, MSGPACK_TYPE } from "./support.ts";

/** Every guarded route that answers a value: method, path, body, and the engine's method. */
const ANSWERING = [
  ["POST", "/remember", ATOM, "remember"],
  ["POST", "/remember/batch", { atoms: [ATOM, { ...ATOM, importance: 7 }] }, "rememberBatch"],
  ["POST", "/ask", { world: "w", text: "which colour?" }, "ask"],
  ["POST", "/replay", { world: "w" }, "replay"],
  ["GET", `/atoms/${ID}`, undefined, "get"],
  ["GET", "/worlds", undefined, "worlds"],
  ["POST", "/worlds/manage", { action: "create", world: "w" }, "manageWorld"],
  ["POST", "/worlds/policy", { world: "w", retention_days: 3 }, "setPolicy"],
  ["GET", "/index/status", undefined, "indexStatus"],
] as const;

describe.each(ANSWERING)("%s %s", (method, path, body, called) => {
  async function withAtom() {
    const f = fixture();
    await f.send("POST", "/remember", { json: { ...ATOM, id: ID } });
    f.engine.calls.length = 0;
    return f;
  }

  test("answers JSON", async () => {
    const f = await withAtom();
    const answer = await f.send(method, path, body ? { json: body } : {});
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe(JSON_TYPE);
    expect(answer.headers.get("vary")).toBe("Accept, Accept-Encoding");
    expect(f.engine.calls.map((call) => call.method)).toEqual([called]);
  });

  test("answers MessagePack with the same content", async () => {
    const f = await withAtom();
    const type: Record<string, string> = body ? { "Content-Type": MSGPACK_TYPE } : {};
    const sent = body ? { raw: encodeMsgpack(body) } : {};
    const packed = await f.send(method, path, { headers: { ...type, Accept: MSGPACK_TYPE }, ...sent });
    const json = await f.send(method, path, body ? { json: body } : {});
    expect(packed.headers.get("content-type")).toBe(MSGPACK_TYPE);
    expect(typeof packed.body).toBe(typeof json.body);
    expect(f.engine.calls[0]!.args).toEqual(f.engine.calls[1]!.args);
  });

  test("passes the engine's refusal on", async () => {
    const f = await withAtom();
    f.engine.fault = new Fault("deadline_exceeded", "too slow; try again", { retryAfter: 3 });
    const answer = await f.send(method, path, body ? { json: body } : {});
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("3");
    expect(answer.body).toEqual({ error: "too slow; try again", code: "deadline_exceeded" });
  });

  test("a bug is answered without its message, which is in the log under the request id", async () => {
    const f = await withAtom();
    f.engine.fault = new TypeError("secret detail");
    const answer = await f.send(method, path, {
      ...(body ? { json: body } : {}),
      headers: { "X-Request-Id": "my-request" },
    });
    expect(answer.status).toBe(500);
    expect(answer.body.code).toBe("internal_error");
    expect(answer.body.error).toContain("my-request");
    expect(answer.body.error).not.toContain("secret");
    const logged = f.logs.find((line) => line.level === "error")!;
    expect(logged.request_id).toBe("my-request");
    expect(JSON.stringify(logged)).toContain("secret detail");
  });

  test("answers 503 while the node starts", async () => {
    const answer = await fixture({ starting: true }).send(method, path, body ? { json: body } : {});
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(answer.body.code).toBe("overloaded");
  });

  test("asks the engine for gzip only when it is accepted", async () => {
    const f = await withAtom();
    for (const accept of ["gzip", "br, GZIP;q=0.5", "gzip;q=0", "br"]) {
      const headers = { "Accept-Encoding": accept };
      await f.send(method, path, body ? { json: body, headers } : { headers });
    }
    expect(f.engine.calls.map((call) => call.want?.gzip)).toEqual([true, true, false, false]);
  });
});

test("remember answers the id as a bare string and passes durability on", async () => {
  const f = fixture();
  const { body, bytes } = await f.send("POST", "/remember", { json: { ...ATOM, id: ID } });
  expect(body).toBe(ID);
  expect(new TextDecoder().decode(bytes)).toBe(`"${ID}"`);
  await f.send("POST", "/remember?durability=relaxed", { json: ATOM });
  expect(f.engine.calls.map((call) => call.args[1])).toEqual([{ relaxed: false }, { relaxed: true }]);
});

test("gzip of a large answer says so and can be unpacked", async () => {
  const f = fixture();
  await f.send("POST", "/remember", { json: { ...ATOM, id: ID, payload_json: "x".repeat(5000) } });
  const packed = await f.send("GET", `/atoms/${ID}`, { headers: { "Accept-Encoding": "gzip" } });
  expect(packed.headers.get("content-encoding")).toBe("gzip");
  expect(packed.bytes.length).toBeLessThan(1000);
  expect(packed.body.payload_json).toHaveLength(5000);
  const plain = await f.send("GET", `/atoms/${ID}`, { headers: { "Accept-Encoding": "gzip;q=0" } });
  expect(plain.headers.get("content-encoding")).toBeNull();
});

const ADMIN = { name: "a", key: "an-admin-key-of-32-characters-...", admin: true };
const GZIP = { headers: { "Accept-Encoding": "gzip" } };

describe("gzip of what the main thread answers itself", () => {
  test.each(["/openapi.json", "/docs", "/metrics"])("%s", async (path) => {
    const f = fixture();
    const plain = await f.send("GET", path);
    expect(plain.headers.get("content-encoding")).toBeNull();
    expect(plain.headers.get("vary")).toContain("Accept-Encoding");
    // twice: what is kept compressed is what was compressed
    for (let time = 0; time < 2; time++) {
      const packed = await f.send("GET", path, GZIP);
      expect(packed.headers.get("content-encoding")).toBe("gzip");
      expect(packed.bytes.length).toBeLessThan(plain.bytes.length / 2);
      if (path !== "/metrics") expect(packed.body).toEqual(plain.body);
    }
  });

  test("not what is too small to gain", async () => {
    const { headers } = await fixture().send("GET", "/", GZIP);
    expect(headers.get("content-encoding")).toBeNull();
  });
});

test("a batch keeps refused items in their place", async () => {
  const f = fixture();
  const big = { ...ATOM, payload_json: "x".repeat(300_000) };
  const { status, body } = await f.send("POST", "/remember/batch", {
    json: { atoms: [ATOM, 5, big, { ...ATOM, colour: "red" }, ATOM] },
  });
  expect(status).toBe(200);
  expect(body.ids.map((id: string | null) => id === null)).toEqual([false, true, true, true, false]);
  expect(body.errors.map(({ index, code }: { index: number; code: string }) => [index, code])).toEqual([
    [1, "invalid_input"],
    [2, "payload_too_large"],
    [3, "invalid_input"],
  ]);
  expect(body.errors[2].error).toContain("colour");
});

test("an empty batch is a batch", async () => {
  const { status, body } = await fixture().send("POST", "/remember/batch", { json: { atoms: [] } });
  expect([status, body]).toEqual([200, { ids: [], errors: [] }]);
});

test("a full disk fails the whole batch", async () => {
  const f = fixture();
  f.engine.fault = new Fault("disk_full", "the disk is full");
  const { status, body } = await f.send("POST", "/remember/batch", { json: { atoms: [ATOM] } });
  expect([status, body.code]).toEqual([507, "disk_full"]);
});

test("replay carries the cursor of the next page", async () => {
  const { headers } = await fixture().send("POST", "/replay", { json: { world: "w" } });
  expect(headers.get("x-next-after")).toBe("page-2");
});

test("forget answers 204 without a body", async () => {
  const f = fixture();
  await f.send("POST", "/remember", { json: { ...ATOM, id: ID } });
  const { status, bytes, headers } = await f.send("DELETE", `/atoms/${ID}`);
  expect([status, bytes.length, headers.get("content-type")]).toEqual([204, 0, null]);
  expect((await f.send("DELETE", `/atoms/${ID}`)).status).toBe(404);
});

test("worlds takes its two switches and nothing else", async () => {
  const f = fixture();
  await f.send("GET", "/worlds?archived=true&counts=false");
  expect(f.engine.calls[0]!.args).toEqual([{ archived: true, counts: false }]);
  expect((await f.send("GET", "/worlds?counts=true")).body[0].name).toBe("w");
});

test.each([
  "/worlds?archived=yes",
  "/worlds?count=true",
  "/worlds?archived=true&archived=true",
  "/worlds?__proto__=1",
  `/atoms/${ID}?x=1`,
  "/index/status?x=1",
])("GET %s is invalid input", async (path) => {
  const f = fixture();
  const { status, body } = await f.send("GET", path);
  expect([status, body.code]).toEqual([400, "invalid_input"]);
  expect(f.engine.calls).toEqual([]);
});

test.each([
  ["GET", "/atoms/atom-1"],
  ["DELETE", "/atoms/atom-1"],
  ["GET", "/atoms/%ff%zz"],
  ["GET", "/atoms/..%2f..%2fetc%2fpasswd"],
  ["GET", `/atoms/${"9".repeat(2000)}`],
  ["DELETE", "/keys/nonsense"],
])("%s %s is an unknown id: ids are opaque", async (method, path) => {
  const f = fixture({ auth: { keys: [ADMIN] } });
  const { status, body } = await f.send(method, path, { headers: { "X-API-Key": ADMIN.key } });
  expect([status, body.code]).toEqual([404, "not_found"]);
  expect(body.error).toMatch(/^there is no (atom|key) ".{0,43}; (check|GET)/);
  expect(f.engine.calls).toEqual([]);
});

test("an id is taken in either case", async () => {
  const f = fixture();
  await f.send("POST", "/remember", { json: { ...ATOM, id: ID } });
  expect((await f.send("GET", `/atoms/${ID.toUpperCase()}`)).status).toBe(200);
});

describe("Idempotency-Key", () => {
  async function digestOf(path: string, raw: Bun.BodyInit, type: string): Promise<string> {
    const f = fixture();
    const headers = { "Idempotency-Key": "k", "Content-Type": type };
    expect((await f.send("POST", path, { raw, headers })).status).toBe(200);
    const { idempotency } = f.engine.calls[0]!.args[1] as {
      idempotency: { key: string; digest: Uint8Array };
    };
    expect(idempotency.key).toBe("k");
    expect(idempotency.digest).toHaveLength(32);
    return idempotency.digest.toHex();
  }

  test("the digest is of the content, not of its encoding", async () => {
    const reordered =
      '{"payload_json":"{\\"text\\":\\"blue\\"}","kind":"observation","flags":null,"worker":"me","world":"w"}';
    const one = await digestOf("/remember", JSON.stringify(ATOM), JSON_TYPE);
    expect(await digestOf("/remember", reordered, JSON_TYPE)).toBe(one);
    expect(await digestOf("/remember", encodeMsgpack(ATOM), MSGPACK_TYPE)).toBe(one);
    expect(await digestOf("/remember", JSON.stringify({ ...ATOM, importance: 0.5 }), JSON_TYPE)).not.toBe(
      one,
    );
  });

  test("in a batch refused items count with what they held", async () => {
    const batch = (...atoms: unknown[]) => JSON.stringify({ atoms });
    const one = await digestOf("/remember/batch", batch(ATOM, { a: 1, b: [2, null] }), JSON_TYPE);
    expect(await digestOf("/remember/batch", batch(ATOM, { b: [2, null], a: 1 }), JSON_TYPE)).toBe(one);
    expect(await digestOf("/remember/batch", batch(ATOM, { a: 2, b: [2, null] }), JSON_TYPE)).not.toBe(one);
    const packed = encodeMsgpack({ atoms: [ATOM, { a: 1, b: [2, null] }] });
    expect(await digestOf("/remember/batch", packed, MSGPACK_TYPE)).toBe(one);
  });

  test.each(["", "x".repeat(257), "caf\u00e9"])("the key %p is refused", async (key) => {
    const f = fixture();
    const { status, body } = await f.send("POST", "/remember", {
      json: ATOM,
      headers: { "Idempotency-Key": key },
    });
    expect([status, body.code]).toEqual([400, "invalid_input"]);
    expect(f.engine.calls).toEqual([]);
  });
});

describe("health", () => {
  test("/healthz is empty, and answers while the threads start", async () => {
    const { status, bytes } = await fixture({ starting: true }).send("GET", "/healthz");
    expect([status, bytes.length]).toEqual([200, 0]);
  });

  test("/health is 200 also when degraded, /readyz is 503 then, with the same body", async () => {
    const f = fixture();
    expect((await f.send("GET", "/health")).status).toBe(200);
    expect((await f.send("GET", "/readyz")).status).toBe(200);
    f.engine.isReady = false;
    const health = await f.send("GET", "/health");
    const ready = await f.send("GET", "/readyz");
    expect([health.status, health.body.status]).toEqual([200, "degraded"]);
    expect([ready.status, ready.body]).toEqual([503, health.body]);
  });

  test("both answer from memory while the threads start", async () => {
    const f = fixture({ starting: true });
    f.engine.isReady = false;
    expect((await f.send("GET", "/health")).status).toBe(200);
    expect((await f.send("GET", "/readyz")).status).toBe(503);
  });
});

test("metrics name workers only to those who may read every world", async () => {
  const f = fixture({
    auth: {
      keys: [
        { name: "bound", key: "a-key-bound-to-worlds", admin: false, readWorlds: ["ben/*"] },
        { name: "all", key: "a-key-for-all-worlds", admin: false },
      ],
    },
  });
  f.metrics.setTrustScores([["ann-worker", 0.5]]);
  const seenBy = async (key: string) =>
    (await f.send("GET", "/metrics", { headers: { "X-API-Key": key } })).body;
  expect(await seenBy("a-key-for-all-worlds")).toContain('dwbase_trust_score{entity="ann-worker"} 0.5');
  expect(await seenBy("a-key-bound-to-worlds")).not.toContain("ann-worker");
});

test("metrics are Prometheus text with the answers counted by route and status", async () => {
  const f = fixture();
  await f.send("POST", "/remember", { json: ATOM });
  await f.send("POST", "/remember", { json: 5 });
  await f.send("GET", `/atoms/${ID}`);
  await f.send("GET", "/no/such/thing");
  const { body, headers } = await f.send("GET", "/metrics");
  expect(headers.get("content-type")).toStartWith("text/plain");
  expect(body).toContain('dwbase_http_requests_total{route="/remember",status="200"} 1');
  expect(body).toContain('dwbase_http_requests_total{route="/remember",status="400"} 1');
  expect(body).toContain('dwbase_http_requests_total{route="/atoms/:id",status="404"} 1');
  expect(body).toContain('dwbase_http_requests_total{route="/*",status="404"} 1');
  expect(body).toContain("dwbase_remember_latency_ms_count 1");
});

test("the root says what this is", async () => {
  const { status, body } = await fixture().send("GET", "/");
  expect([status, body.name, body.version]).toEqual([200, "dwbase", "1.2.3"]);
});
