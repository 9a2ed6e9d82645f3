import { expect } from "bun:test";
import { FormatRegistry } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { DetailBodySchema, decodeMsgpack, ErrorBodySchema } from "../../src/atom/mod.ts";
import { Authenticator, type AuthenticatorOptions, Limiter } from "../../src/auth/mod.ts";
import { isErrorCode, isId, ManualClock, parseTime, statusOf } from "../../src/base/mod.ts";
import { Circuits, Control } from "../../src/control/mod.ts";
import type { Engine } from "../../src/engine/mod.ts";
import { Secrets } from "../../src/secrets/mod.ts";
import { createServer, type Server, type ServerParts } from "../../src/server/mod.ts";
import { faultsOf } from "../../src/server/openapi.ts";
import type { Route } from "../../src/server/route.ts";
import { ROUTES } from "../../src/server/routes/table.ts";
import { createLogger, createMetrics } from "../../src/telemetry/mod.ts";
import { MemoryControl } from "../control/memory-control.ts";
import { FakeEngine } from "./fake-engine.ts";

FormatRegistry.Set("uuid", isId);
FormatRegistry.Set("date-time", (text) => parseTime(text) !== undefined);

export const JSON_TYPE = "application/json";
export const MSGPACK_TYPE = "application/msgpack";
export const NDJSON_TYPE = "application/x-ndjson";

export const ATOM = { world: "w", worker: "me", kind: "observation", payload_json: '{"text":"blue"}' };
export const ID = "0190f3c0-0000-7000-8000-000000000001";

/** A route's path with every parameter filled in. */
export function filled(path: string): string {
  return path.replace(/:\w+\+?/g, ID);
}

export interface FixtureOptions extends Partial<Omit<ServerParts, "engine">> {
  auth?: Partial<AuthenticatorOptions>;
  rememberPerSec?: number;
  askPerMin?: number;
  starting?: boolean;
  /** Stands behind the server instead of the fake one. */
  over?: Engine;
  secretsEnv?: Record<string, string>;
}

export interface Fixture {
  server: Server;
  engine: FakeEngine;
  control: Control;
  /** Where control keeps its state. */
  store: MemoryControl;
  circuits: Circuits;
  secrets: Secrets;
  clock: ManualClock;
  metrics: ServerParts["metrics"];
  logs: Record<string, unknown>[];
  /** Sends a request in this process; the answer is checked against what the route's table says. */
  send(method: string, path: string, options?: SendOptions): Promise<Answered>;
}

export interface SendOptions {
  headers?: Record<string, string>;
  /** Sent as it is. */
  raw?: Bun.BodyInit;
  /** Sent as JSON. */
  json?: unknown;
}

export interface Answered {
  status: number;
  headers: Headers;
  bytes: Uint8Array<ArrayBuffer>;
  /** The decoded body; undefined without one. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it freely
  body: any;
}

export function fixture(options: FixtureOptions = {}): Fixture {
  const {
    auth,
    rememberPerSec = 0,
    askPerMin = 0,
    starting = false,
    over,
    secretsEnv = {},
    ...parts
  } = options;
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const logs: Record<string, unknown>[] = [];
  const metrics = createMetrics();
  const authenticator = new Authenticator({
    loopback: true,
    allowAnonymous: "loopback",
    production: false,
    keys: [],
    security: { readWorlds: [], writeWorlds: [], importanceCap: 1 },
    ...auth,
  });
  const control = new Control({ clock });
  const store = new MemoryControl();
  control.restore(store);
  const secrets = new Secrets({ backend: "env", env: secretsEnv, clock });

  const circuits = new Circuits();
  const server = createServer({
    engine: starting ? () => undefined : (over ?? engine),
    health: { body: () => engine.health(), ready: () => engine.ready() },
    authenticator,
    limiter: new Limiter({ rememberPerSec, askPerMin, clock }),
    control,
    circuits,
    secrets,
    metrics,
    logger: createLogger({ level: "debug", write: (line) => logs.push(JSON.parse(line)) }).logger,
    clock,
    version: "1.2.3",
    ...parts,
  });
  return {
    server,
    engine,
    control,
    store,
    circuits,
    secrets,
    clock,
    metrics,
    logs,
    async send(method, path, { headers = {}, raw, json } = {}) {
      const request = new Request(`http://localhost${path}`, {
        method,
        headers: json === undefined ? headers : { "Content-Type": JSON_TYPE, ...headers },
        body: json === undefined ? (raw ?? null) : JSON.stringify(json),
      });
      const answered = await read(await server.handle(request));
      if (method !== "HEAD") expectDocumented(method, path, answered);
      return answered;
    },
  };
}

async function read(response: Response): Promise<Answered> {
  const { status, headers } = response;
  const bytes = new Uint8Array(await response.arrayBuffer());
  const plain = headers.get("content-encoding") === "gzip" ? Bun.gunzipSync(bytes) : bytes;
  const type = headers.get("content-type")?.split(";")[0];
  let body: unknown;
  if (plain.length > 0) {
    if (type === JSON_TYPE) body = JSON.parse(new TextDecoder().decode(plain));
    else if (type === MSGPACK_TYPE) body = decodeMsgpack(plain);
    else body = new TextDecoder().decode(plain);
  }
  return { status, headers, bytes, body };
}

/** Fails unless the route's table documents an answer like this. */
export function expectDocumented(method: string, path: string, { status, headers, body }: Answered): void {
  expect(headers.get("x-request-id")).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
  const pathname = path.split("?")[0]!;
  const route = routeOf(method, pathname);
  if (!route) return;
  const api = pathname.startsWith("/api/v1");
  const errorSchema = api ? DetailBodySchema : ErrorBodySchema;
  if (status === route.answer.status) {
    const type = headers.get("content-type")?.split(";")[0];
    if (type === NDJSON_TYPE) {
      for (const line of String(body ?? "")
        .split("\n")
        .filter(Boolean)) {
        const value = JSON.parse(line);
        if ("index" in value) expect([...Value.Errors(route.answer.line!, value)]).toEqual([]);
        else expect([...Value.Errors(ErrorBodySchema, value)]).toEqual([]);
      }
    } else if (route.answer.schema) {
      expect([...Value.Errors(route.answer.schema, body)]).toEqual([]);
    }
    return;
  }
  if (route.unready?.status === status && !("error" in body)) {
    expect([...Value.Errors(route.unready.schema, body)]).toEqual([]);
    return;
  }
  expect([...Value.Errors(errorSchema, body)]).toEqual([]);
  const schemaViolation = api && body.code === "invalid_input" && status === 422;
  if (!schemaViolation) expect(isErrorCode(body.code) && statusOf(body.code)).toBe(status);
  expect([...faultsOf(route)]).toContain(body.code);
}

/** The route that takes a path: one without parameters before one with. */
function routeOf(method: string, path: string): Route | undefined {
  const matching = ROUTES.filter((each) => each.method === method && patternOf(each.path).test(path));
  return matching.find((each) => each.path === path) ?? matching[0];
}

function patternOf(path: string): RegExp {
  const parts = path
    .replace(/[.]/g, "\\.")
    .replace(/:\w+\+$/, ".+")
    .replace(/:\w+/g, "[^/]+");
  return new RegExp(`^${parts}$`);
}
