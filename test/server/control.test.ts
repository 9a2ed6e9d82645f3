/** The control plane over HTTP: who may, what it answers, and what each level and mode lets through. */
import { describe, expect, test } from "bun:test";
import { CircuitBreaker, Fault, LIMITS, ManualClock } from "../../src/base/mod.ts";
import { FLAGS, PANIC_LEVELS } from "../../src/control/mod.ts";
import type { Route } from "../../src/server/route.ts";
import { ROUTES } from "../../src/server/routes/table.ts";
import { ATOM, type Fixture, filled, fixture, NDJSON_TYPE } from "./support.ts";

const KEYS = [
  { name: "root", key: "admin-key", admin: true },
  { name: "user", key: "user-key", admin: false },
];
const CONTROL = "/api/v1/control";
const ADMIN = { headers: { "X-API-Key": "admin-key" } };

function open(): Fixture {
  return fixture({ auth: { keys: KEYS } });
}

/** As `curl -d` sends it. */
function curled(body: string) {
  return {
    headers: { Authorization: "Bearer admin-key", "Content-Type": "application/x-www-form-urlencoded" },
    raw: body,
  };
}

const panic = (node: Fixture, level: string, source = "operator") =>
  node.send("POST", `${CONTROL}/emergency/panic`, {
    ...ADMIN,
    json: { level, reason: "a test runs", source },
  });
const recover = (node: Fixture, level = "NONE") =>
  node.send("POST", `${CONTROL}/emergency/recover`, { ...ADMIN, json: { level } });

/** Bodies that the routes take; the routes of the memory family are refused before theirs is looked at. */
const BODIES: Record<string, unknown> = {
  "/remember": ATOM,
  "/remember/batch": { atoms: [ATOM] },
  "/ask": { world: "w", text: "blue" },
  "/replay": { world: "w" },
  "/worlds/manage": { action: "create", world: "w" },
  "/worlds/policy": { world: "w", retention_days: 1 },
  [`${CONTROL}/flags/:name`]: { enabled: true },
  [`${CONTROL}/emergency/panic`]: { level: "TOTAL", reason: "a test runs" },
  [`${CONTROL}/emergency/recover`]: { level: "NONE" },
  [`${CONTROL}/circuits/:name`]: { action: "reset" },
};

/** A request that a route takes. */
function ask(node: Fixture, route: Route, headers: Record<string, string> = ADMIN.headers) {
  const json = route.access === "exempt" || !route.body ? undefined : (BODIES[route.path] ?? {});
  return node.send(route.method, filled(route.path), json === undefined ? { headers } : { headers, json });
}

const isControl = (route: Route) => route.path.startsWith(CONTROL);

describe("who may", () => {
  test.each(ROUTES.filter(isControl).map((route) => [`${route.method} ${route.path}`, route] as const))(
    "%s: an admin key only, on loopback too",
    async (_, route) => {
      const node = open();
      const as = async (headers: Record<string, string>) => (await ask(node, route, headers)).status;
      expect(await as({})).toBe(401);
      expect(await as({ "X-API-Key": "wrong" })).toBe(403);
      expect(await as({ "X-API-Key": "user-key" })).toBe(403);
      expect(node.control.level).toBe("NONE");
      expect([401, 403]).not.toContain(await as(ADMIN.headers));
    },
  );
});

describe("flags", () => {
  test("are listed, got, and set in part", async () => {
    const node = open();
    const { body } = await node.send("GET", `${CONTROL}/flags`, ADMIN);
    expect(body.flags.map(({ name }: { name: string }) => name)).toEqual(FLAGS.map(({ name }) => name));
    const set = await node.send("PATCH", `${CONTROL}/flags/telemetry`, {
      ...ADMIN,
      json: { rollout_percentage: 25 },
    });
    expect(set.body).toMatchObject({
      name: "telemetry",
      enabled: true,
      rollout_percentage: 25,
      source: "control",
    });
    expect((await node.send("GET", `${CONTROL}/flags/telemetry`, ADMIN)).body).toEqual(set.body);
    expect((await node.send("GET", `${CONTROL}/flags/nothing`, ADMIN)).status).toBe(404);
  });

  test.each([
    [{}, "set enabled"],
    [{ enabled: "yes" }, "enabled"],
    [{ rollout_percentage: 101 }, "rollout_percentage"],
    [{ rollout_percentage: -1 }, "rollout_percentage"],
    [[], "object"],
  ])("%j is 422 and changes nothing", async (json, named) => {
    const node = open();
    const before = node.control.flags();
    const { status, body } = await node.send("PATCH", `${CONTROL}/flags/telemetry`, { ...ADMIN, json });
    expect([status, body.code]).toEqual([422, "invalid_input"]);
    expect(body.detail).toContain(named);
    expect(node.control.flags()).toEqual(before);
  });
});

test("the guide's curl lines work as printed: JSON under application/x-www-form-urlencoded", async () => {
  const node = open();
  const emergency = `${CONTROL}/emergency`;
  const answers = [
    await node.send("PATCH", `${CONTROL}/flags/telemetry`, curled('{"enabled": false}')),
    await node.send("POST", `${emergency}/panic`, curled('{"level": "LIMITED", "reason": "Maintenance"}')),
    await node.send("POST", `${emergency}/recover`, curled('{"level": "NONE"}')),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect([node.control.flag("telemetry").enabled, node.control.events.map(({ level }) => level)]).toEqual([
    false,
    ["LIMITED", "NONE"],
  ]);
  expect((await node.send("POST", `${emergency}/recover`, curled("level=NONE"))).status).toBe(400);
});

describe("every level and mode", () => {
  const cases: [string, (node: Fixture) => unknown, (route: Route) => string | undefined][] = [
    ["NONE", () => {}, () => undefined],
    ["DEGRADED", (node) => panic(node, "DEGRADED"), () => undefined],
    ["LIMITED", (node) => panic(node, "LIMITED"), (route) => (writes(route) ? "read_only" : undefined)],
    ["CRITICAL", (node) => panic(node, "CRITICAL"), () => "maintenance"],
    ["TOTAL", (node) => panic(node, "TOTAL"), () => "maintenance"],
    [
      "read_only_mode",
      (node) => node.control.setFlag("read_only_mode", { enabled: true }, "t"),
      (route) => (writes(route) ? "read_only" : undefined),
    ],
    [
      "maintenance_mode",
      (node) => node.control.setFlag("maintenance_mode", { enabled: true }, "t"),
      () => "maintenance",
    ],
  ];
  const writes = (route: Route) => route.access !== "exempt" && route.writes === true;

  test.each(cases)(
    "%s lets health and control through, and of the rest what it says",
    async (_, enter, refusal) => {
      for (const route of ROUTES.filter(
        (each) => !each.path.endsWith("/panic") && !each.path.endsWith("/recover"),
      )) {
        const node = open();
        await enter(node);
        const { status, body, headers } = await ask(node, route);
        const expected = route.always ? undefined : refusal(route);
        const at = `${route.method} ${route.path}: ${status}`;
        if (expected === undefined) {
          expect({ at, code: body?.code }).not.toEqual({ at, code: "maintenance" });
          expect({ at, code: body?.code }).not.toEqual({ at, code: "read_only" });
        } else {
          expect({ at, status, code: body.code }).toEqual({ at, status: 503, code: expected });
          expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
          expect(node.engine.calls).toEqual([]);
        }
      }
    },
  );

  test("only health and control are always answered", () => {
    const always = ROUTES.filter((route) => route.always && !isControl(route)).map((route) => route.path);
    expect(always.sort()).toEqual(["/api/v1/health", "/health", "/healthz", "/readyz"]);
    expect(ROUTES.filter(isControl).every((route) => route.always)).toBe(true);
  });

  test.each(PANIC_LEVELS.slice(1))("%s is raised, shown, listed and recovered from", async (level) => {
    const node = open();
    expect((await panic(node, level)).body).toMatchObject({
      panic_level: level,
      reason: "a test runs",
      is_shutting_down: false,
      in_flight_count: 1,
      panic_events_count: 1,
    });
    expect((await panic(node, level)).status).toBe(200);
    if (level !== "DEGRADED") expect((await panic(node, "DEGRADED")).status).toBe(409);
    expect((await recover(node, level === "TOTAL" ? "CRITICAL" : level)).status).toBe(
      level === "TOTAL" ? 200 : 409,
    );
    expect((await recover(node)).body).toMatchObject({ panic_level: "NONE", reason: "" });
    const { body } = await node.send("GET", `${CONTROL}/emergency/events`, ADMIN);
    expect(body.events[0]).toMatchObject({
      level,
      previous_level: "NONE",
      actor: "root",
      source: "operator",
    });
    expect(body.total).toBe(body.events.length);
  });

  test.each([
    [{ level: "NONE", reason: "long enough" }, "level"],
    [{ level: "limited", reason: "long enough" }, "level"],
    [{ level: "LIMITED" }, "reason"],
    [{ level: "LIMITED", reason: "1234" }, "reason"],
    [{ level: "LIMITED", reason: "     " }, "reason"],
    [{ level: "LIMITED", reason: "a line\nand another" }, "reason"],
    [{ level: "LIMITED", reason: "red \u001b[31m text" }, "reason"],
    [{ level: "LIMITED", reason: "x".repeat(LIMITS.panicReasonChars + 1) }, "reason"],
    [{ level: "LIMITED", reason: "long enough", source: "" }, "source"],
  ])("a panic %j is 422 and raises nothing", async (json, named) => {
    const node = open();
    const { status, body } = await node.send("POST", `${CONTROL}/emergency/panic`, { ...ADMIN, json });
    expect([status, body.detail.includes(named), node.control.level]).toEqual([422, true, "NONE"]);
  });

  test("a level that cannot be kept acts all the same, and the answer says so", async () => {
    const node = open();
    node.store.fault = new Fault("disk_full", "the disk is full");
    const { status, body } = await panic(node, "LIMITED");
    expect([status, body.code]).toEqual([503, "storage_error"]);
    expect(body.detail).toContain("acts now");
    expect((await node.send("POST", "/remember", { ...ADMIN, json: ATOM })).body.code).toBe("read_only");
  });

  test("read_only_mode for a part goes by the session, else by the key", async () => {
    const node = open();
    await node.control.setFlag("read_only_mode", { enabled: true, rollout_percentage: 50 }, "t");
    const codes = new Set<string | undefined>();
    for (let i = 0; i < 40; i++) codes.add((await write(node, `127.0.0.${i + 1}`)).code);
    expect([...codes].sort()).toEqual(["read_only", undefined] as never);
  });
});

async function write(node: Fixture, peer: string): Promise<{ code?: string }> {
  const request = new Request("http://localhost/remember", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(ATOM),
  });
  const body = await (await node.server.handle(request, peer)).json();
  return typeof body === "string" ? {} : (body as { code: string });
}

test("a stream under way ends at LIMITED with a line that says why; what was answered before is kept", async () => {
  const node = open();
  const lines = new TransformStream<Uint8Array, Uint8Array>();
  const input = lines.writable.getWriter();
  const line = new TextEncoder().encode(`${JSON.stringify(ATOM)}\n`);
  const request = new Request("http://localhost/remember/batch", {
    method: "POST",
    headers: { "Content-Type": NDJSON_TYPE },
    body: lines.readable,
  });
  const response = await node.server.handle(request);
  const answers = response.body!.getReader();
  void input.write(line);
  expect(new TextDecoder().decode((await answers.read()).value)).toContain('"id"');
  node.engine.fault = new Fault("read_only", "the node is read-only for now");
  void input.write(line);
  expect(JSON.parse(new TextDecoder().decode((await answers.read()).value))).toEqual({
    code: "read_only",
    error: "the node is read-only for now",
  });
  expect((await answers.read()).done).toBe(true);
});

describe("circuits", () => {
  function withBreaker() {
    const node = open();
    const breaker = new CircuitBreaker("the collector", new ManualClock());
    node.circuits.add({
      circuits: () => [{ name: "otlp", ...breaker.report() }],
      async operate(_, action) {
        if (action === "open") breaker.open();
        else breaker.close();
      },
    });
    return { node, breaker };
  }

  test("are listed with their numbers, opened, closed and reset, and the act is entered into the log", async () => {
    const { node, breaker } = withBreaker();
    const { body } = await node.send("GET", `${CONTROL}/circuits`, ADMIN);
    expect(body.circuits).toEqual([
      {
        name: "otlp",
        description: expect.any(String),
        state: "closed",
        failure_count: 0,
        success_count: 0,
        failure_threshold: 5,
        success_threshold: 3,
        reset_timeout_s: 30,
        half_open_max_calls: 3,
      },
    ]);
    for (const [action, state] of [
      ["open", "open"],
      ["close", "closed"],
      ["open", "open"],
      ["reset", "closed"],
    ] as const) {
      const answered = await node.send("POST", `${CONTROL}/circuits/otlp`, { ...ADMIN, json: { action } });
      expect([answered.body.state, breaker.state()]).toEqual([state, state]);
    }
    expect(
      node.store.acts.map(({ action, actor, target, detail }) => [action, actor, target, detail])[0],
    ).toEqual(["circuit", "root", "otlp", "open: open"]);
    const { body: now } = await node.send("GET", `${CONTROL}/emergency`, ADMIN);
    expect(now.circuit_breakers).toEqual({ otlp: "closed" });
  });

  test("an unknown one is 404, an unknown action 422, and database takes only reset", async () => {
    const { node } = withBreaker();
    node.circuits.add({
      circuits: () => [{ name: "database", state: "open", failures: 1, successes: 0 }],
      operate: async () => {},
    });
    const post = async (name: string, action: string) =>
      (await node.send("POST", `${CONTROL}/circuits/${name}`, { ...ADMIN, json: { action } })).status;
    expect(await post("nothing", "reset")).toBe(404);
    expect(await post("otlp", "explode")).toBe(422);
    expect([
      await post("database", "open"),
      await post("database", "close"),
      await post("database", "reset"),
    ]).toEqual([409, 409, 200]);
  });
});

test("secrets show where they are looked up, which there are and who read them, and no value", async () => {
  const node = fixture({ auth: { keys: KEYS }, secretsEnv: { WW_API_KEY: "hidden-value" } });
  node.secrets.read("WW_API_KEY", "authentication");
  const get = async (path: string) => (await node.send("GET", `${CONTROL}/secrets${path}`, ADMIN)).body;
  expect(await get("")).toEqual({
    backend: "env",
    directories: [],
    keys: [{ key: "WW_API_KEY", source: "env" }],
  });
  expect(await get("/keys")).toEqual({ keys: ["WW_API_KEY"] });
  const { entries } = await get("/audit");
  expect(entries).toEqual([
    { timestamp: expect.any(String), key: "WW_API_KEY", reader: "authentication", source: "env" },
  ]);
});
