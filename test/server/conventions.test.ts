import { describe, expect, test } from "bun:test";
import { decodeMsgpack } from "../../src/atom/mod.ts";
import { Fault } from "../../src/base/mod.ts";
import { ROUTES } from "../../src/server/routes/table.ts";
import { ATOM, filled, fixture, ID, JSON_TYPE, MSGPACK_TYPE, NDJSON_TYPE } from "./support.ts";

const KEY = "an-ordinary-key-of-32-characters";
const LOCKED = {
  auth: { loopback: false, keys: [{ name: "k", key: KEY, admin: false }] },
} as const;

const ADMIN = { name: "a", key: "an-admin-key-of-32-characters-...", admin: true };
const CONSOLIDATE = "/api/v1/consolidate";

describe("order of checks", () => {
  const bad = { raw: "{", headers: { "Content-Type": "text/plain", "Content-Length": "999999999" } };

  test("size comes before authentication", async () => {
    const { status } = await fixture(LOCKED).send("POST", "/remember", bad);
    expect(status).toBe(413);
  });

  test("a missing key is 401 whatever the body", async () => {
    const f = fixture(LOCKED);
    for (const options of [
      { raw: "{" },
      { json: ATOM },
      { raw: "\xff", headers: { "Content-Type": "x/y" } },
    ]) {
      const { status, headers, body } = await f.send("POST", "/remember", options);
      expect([status, body.code, headers.get("www-authenticate")]).toEqual([
        401,
        "unauthenticated",
        "ApiKey",
      ]);
    }
  });

  test("a wrong key is 403", async () => {
    const f = fixture(LOCKED);
    const { status, body } = await f.send("POST", "/ask", { raw: "{", headers: { "X-API-Key": "wrong" } });
    expect([status, body.code]).toEqual([403, "forbidden"]);
  });

  test("the rate limit comes before the content type and the body", async () => {
    const f = fixture({ askPerMin: 1 });
    expect((await f.send("POST", "/ask", { raw: "{" })).status).toBe(415);
    const { status, headers, body } = await f.send("POST", "/ask", { raw: "{" });
    expect([status, body.code]).toEqual([429, "rate_limited"]);
    expect(headers.get("retry-after")).toBe("60");
    expect(headers.get("x-ratelimit-limit")).toBe("1");
    expect(headers.get("x-ratelimit-remaining")).toBe("0");
    expect(headers.get("x-ratelimit-reset")).toBe("60");
    f.clock.advance(60_000);
    expect((await f.send("POST", "/ask", { json: { world: "w", text: "" } })).status).toBe(200);
  });

  test("validation comes before the capability", async () => {
    const reader = { name: "r", key: KEY, admin: false, capabilities: ["read_worlds"] as const };
    const f = fixture({ auth: { loopback: false, keys: [reader] } });
    const headers = { "X-API-Key": KEY };
    expect((await f.send("POST", "/remember", { json: 5, headers })).body.code).toBe("invalid_input");
    expect((await f.send("POST", "/remember", { json: ATOM, headers })).body.code).toBe("capability_denied");
    expect((await f.send("DELETE", `/atoms/${ID}?x=1`, { headers })).body.code).toBe("invalid_input");
    expect((await f.send("DELETE", `/atoms/${ID}`, { headers })).body.code).toBe("capability_denied");
    expect((await f.send("GET", "/metrics", { headers })).body.code).toBe("capability_denied");
    const stream = { raw: "{}", headers: { ...headers, "Content-Type": NDJSON_TYPE } };
    expect((await f.send("POST", "/remember/batch", stream)).body.code).toBe("capability_denied");
    expect(f.engine.calls).toEqual([]);
  });

  test("a batch pays for its atoms after validation and before the engine", async () => {
    const f = fixture({ rememberPerSec: 1 });
    const atoms = (count: number) => ({ json: { atoms: Array.from({ length: count }, () => ATOM) } });
    expect((await f.send("POST", "/remember/batch", atoms(900))).status).toBe(200);
    const { status, body } = await f.send("POST", "/remember/batch", atoms(200));
    expect([status, body.code]).toEqual([429, "rate_limited"]);
    expect(f.engine.calls).toHaveLength(1);
    expect((await f.send("POST", "/remember/batch", atoms(99))).status).toBe(200);
    expect((await f.send("POST", "/remember", { json: ATOM })).status).toBe(429);
  });
});

describe("keys", () => {
  const exempt = ROUTES.filter((route) => route.access === "exempt").map((route) => route.path);
  const guarded = ROUTES.filter((route) => route.access !== "exempt");

  test("exactly these routes need none", () => {
    expect(exempt.toSorted()).toEqual(
      [
        "/",
        "/api/v1/health",
        "/docs",
        "/health",
        "/healthz",
        "/openapi.json",
        "/readyz",
        "/redoc",
      ].toSorted(),
    );
  });

  test.each(exempt)("%s answers without one", async (path) => {
    expect((await fixture(LOCKED).send("GET", path)).status).toBeLessThan(400);
  });

  test("consolidate asks for an admin key beside the API key", async () => {
    const f = fixture({ auth: { ...LOCKED.auth, keys: [...LOCKED.auth.keys, ADMIN] } });
    const asked = async (headers: Record<string, string>) => {
      const { status, body } = await f.send("POST", CONSOLIDATE, { json: { deep: false }, headers });
      return [status, body.code];
    };
    const key = { "X-API-Key": KEY };
    expect(await asked({})).toEqual([401, "unauthenticated"]);
    expect(await asked(key)).toEqual([401, "unauthenticated"]);
    expect(await asked({ ...key, "X-Admin-Key": "wrong" })).toEqual([403, "forbidden"]);
    expect(await asked({ ...key, "X-Admin-Key": ADMIN.key })).toEqual([200, undefined]);
    expect(await asked({ Authorization: `Bearer ${ADMIN.key}` })).toEqual([200, undefined]);
  });

  const single = guarded.filter(({ path }) => path !== CONSOLIDATE);
  test.each(single.map((route) => [route.method, filled(route.path)] as const))(
    "%s %s is 401 without, and something else with one",
    async (method, path) => {
      const f = fixture(LOCKED);
      expect((await f.send(method, path)).status).toBe(401);
      expect((await f.send(method, path, { headers: { "X-API-Key": KEY } })).status).not.toBe(401);
      expect((await f.send(method, path, { headers: { Authorization: `Bearer ${KEY}` } })).status).not.toBe(
        401,
      );
    },
  );

  test("OPTIONS needs none", async () => {
    expect((await fixture(LOCKED).send("OPTIONS", "/remember")).status).toBe(204);
  });

  test("the engine is told who calls and from where", async () => {
    const f = fixture({ trustedProxies: ["127.0.0.1"], ...LOCKED });
    const headers = { "X-API-Key": KEY, "X-Forwarded-For": "198.51.100.7" };
    await f.send("GET", "/worlds", { headers });
    const { name, address } = f.engine.calls[0]!.caller;
    expect([name, address]).toEqual(["k", "198.51.100.7"]);
  });
});

describe("request ids", () => {
  test.each(["abc", "A.b_c-9", "x".repeat(128)])("%p is kept", async (id) => {
    const f = fixture();
    expect(
      (await f.send("GET", "/worlds", { headers: { "X-Request-Id": id } })).headers.get("x-request-id"),
    ).toBe(id);
    expect(f.logs.at(-1)!.request_id).toBe(id);
  });

  test.each(["", "a b", "x".repeat(129), "a/b"])("%p is replaced by a new one", async (id) => {
    const got = (await fixture().send("GET", "/nope", { headers: { "X-Request-Id": id } })).headers.get(
      "x-request-id",
    );
    expect(got).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });
});

describe("routes and methods", () => {
  test.each(["/nope", "/remember/", "/atoms", "/atoms/", "/REMEMBER", "/atoms/a/b", "//"])(
    "GET %s is 404",
    async (path) => {
      const { status, body } = await fixture().send("GET", path);
      expect([status, body.code]).toEqual([404, "not_found"]);
    },
  );

  test("the memory family has its own form of errors", async () => {
    const { status, body } = await fixture().send("GET", "/api/v1/nope");
    expect([status, body.code, typeof body.detail, body.error]).toEqual([
      404,
      "not_found",
      "string",
      undefined,
    ]);
  });

  test.each([
    ["GET", "/remember", "POST, OPTIONS"],
    ["DELETE", "/worlds", "GET, HEAD, OPTIONS"],
    ["PUT", `/atoms/${ID}`, "GET, HEAD, DELETE, OPTIONS"],
    ["PATCH", "/", "GET, HEAD, OPTIONS"],
    ["POST", "/openapi.json", "GET, HEAD, OPTIONS"],
    ["TRACE", "/ask", "POST, OPTIONS"],
    ["HEAD", "/ask", "POST, OPTIONS"],
  ])("%s %s is 405 with Allow", async (method, path, allow) => {
    const { status, headers } = await fixture().send(method, path);
    expect([status, headers.get("allow")]).toEqual([405, allow]);
  });

  test("OPTIONS tells what a path takes", async () => {
    const f = fixture();
    const { status, headers, bytes } = await f.send("OPTIONS", `/atoms/${ID}`);
    expect([status, headers.get("allow"), bytes.length]).toEqual([204, "GET, HEAD, DELETE, OPTIONS", 0]);
    expect(headers.get("access-control-allow-origin")).toBeNull();
    expect((await f.send("OPTIONS", "/nope")).status).toBe(404);
  });

  const gets = ROUTES.filter((route) => route.method === "GET").map((route) => filled(route.path));
  test.each(gets)("HEAD %s is GET without the body", async (path) => {
    const f = fixture();
    await f.send("POST", "/remember", { json: { ...ATOM, id: ID } });
    const get = await f.send("GET", path);
    const head = await f.send("HEAD", path);
    expect([head.status, head.bytes.length]).toEqual([get.status, 0]);
    expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    if (path !== "/metrics") expect(Number(head.headers.get("content-length"))).toBe(get.bytes.length);
  });
});

describe("content types", () => {
  test.each(["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])(
    "%s is read",
    async (type) => {
      const { status } = await fixture().send("POST", "/remember", {
        raw: JSON.stringify(ATOM),
        headers: { "Content-Type": type },
      });
      expect(status).toBe(200);
    },
  );

  test.each([
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin1",
    "application/jsonp",
    NDJSON_TYPE,
  ])("%p is 415", async (type) => {
    const f = fixture();
    const { status, body } = await f.send("POST", "/remember", {
      raw: new TextEncoder().encode(JSON.stringify(ATOM)),
      headers: type === "" ? {} : { "Content-Type": type },
    });
    expect([status, body.code]).toEqual([415, "unsupported_media_type"]);
    expect(f.engine.calls).toEqual([]);
  });

  test("a compressed body is 415", async () => {
    const headers = { "Content-Type": JSON_TYPE, "Content-Encoding": "gzip" };
    const raw = Bun.gzipSync(JSON.stringify(ATOM));
    expect((await fixture().send("POST", "/remember", { raw, headers })).status).toBe(415);
  });

  test.each([
    [undefined, JSON_TYPE],
    ["*/*", JSON_TYPE],
    ["text/html", JSON_TYPE],
    ["application/msgpack", MSGPACK_TYPE],
    ["Application/MsgPack", MSGPACK_TYPE],
    ["text/html, application/msgpack;q=0.9, */*;q=0.1", MSGPACK_TYPE],
    ["application/msgpack;q=0.5, application/json", JSON_TYPE],
    ["application/json, application/msgpack", MSGPACK_TYPE],
    ["application/msgpack;q=0", JSON_TYPE],
  ])("Accept %p is answered with %s, errors too", async (accept, type) => {
    const f = fixture();
    const headers: Record<string, string> = accept === undefined ? {} : { Accept: accept };
    for (const path of ["/worlds", "/health", "/nope"]) {
      expect((await f.send("GET", path, { headers })).headers.get("content-type")).toBe(type);
    }
  });

  test("an error in MessagePack has the same form", async () => {
    const { bytes } = await fixture().send("GET", "/atoms/x", { headers: { Accept: MSGPACK_TYPE } });
    expect(decodeMsgpack(bytes)).toMatchObject({ code: "not_found", error: expect.any(String) });
  });
});

describe("CORS", () => {
  const origin = "https://app.example";
  const preflight = { Origin: origin, "Access-Control-Request-Method": "POST" };

  test("off unless origins are set", async () => {
    const { headers } = await fixture().send("OPTIONS", "/remember", { headers: preflight });
    expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  test("a configured origin is let in, on errors too; another is not", async () => {
    const f = fixture({ corsOrigins: [origin], ...LOCKED });
    const answer = await f.send("OPTIONS", "/remember", { headers: preflight });
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    expect(answer.headers.get("access-control-allow-headers")).toBe(
      "Authorization, Content-Type, X-Session-ID, X-Request-ID, X-API-Key, X-Admin-Key",
    );
    expect(answer.headers.get("access-control-allow-methods")).toContain("POST");
    const refused = await f.send("POST", "/remember", { headers: { Origin: origin } });
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, origin]);
    expect(refused.headers.get("vary")).toContain("Origin");
    const other = await f.send("OPTIONS", "/remember", {
      headers: { ...preflight, Origin: "https://evil.example" },
    });
    expect(other.headers.get("access-control-allow-origin")).toBeNull();
    expect(other.headers.get("vary")).toContain("Origin");
  });
});

describe("the log", () => {
  test("has one line a request, with the route's pattern and nothing of what was said", async () => {
    const f = fixture();
    await f.send("POST", "/remember", { json: { ...ATOM, payload_json: "a secret", world: "hidden-world" } });
    await f.send("POST", "/ask", { json: { world: "hidden-world", text: "a secret question" } });
    await f.send("GET", `/atoms/${ID}`);
    const lines = f.logs.filter((line) => line.msg === "request");
    expect(lines.map(({ level, method, route, status }) => [level, method, route, status])).toEqual([
      ["debug", "POST", "/remember", 200],
      ["debug", "POST", "/ask", 200],
      ["info", "GET", "/atoms/:id", 404],
    ]);
    for (const line of lines) {
      expect(Object.keys(line)).toEqual(expect.arrayContaining(["request_id", "ms", "bytes"]));
    }
    expect(JSON.stringify(f.logs)).not.toMatch(/secret|hidden-world/);
  });

  test("good requests are for debugging only; the node's own failures warn", async () => {
    const f = fixture();
    await f.send("GET", "/healthz");
    expect(f.logs.at(-1)!.level).toBe("debug");
    f.engine.fault = new Fault("storage_error", "the disk failed");
    await f.send("GET", "/worlds");
    expect(f.logs.at(-1)!.level).toBe("warn");
  });
});
