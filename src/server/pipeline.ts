import { decodeJson, decodeMsgpack } from "../atom/mod.ts";
import { type Caller, requireCapability, requireSession } from "../auth/mod.ts";
import { Fault, LIMITS } from "../base/mod.ts";
import { declaredLength, readBody, tooLarge } from "./body.ts";
import { type Endpoint, Exchange, type PathParameters, type Shared } from "./exchange.ts";
import { FORM_TYPE, JSON_TYPE, MSGPACK_TYPE, mediaType, NDJSON_TYPE } from "./negotiate.ts";
import { isApiPath } from "./path.ts";
import { queryOf } from "./query.ts";
import { refuse } from "./refusal.ts";
import type { Body, GuardedRoute, Parameter } from "./route.ts";
import { sessionOf } from "./session.ts";

const NO_PARAMETERS: readonly Parameter[] = [];

const ADMIN_KEY_NEEDED = new Fault(
  "unauthenticated",
  "this needs an admin key, also where other requests need none; send it as X-Admin-Key or Authorization: Bearer",
);

/** Answers one request; never rejects. */
export async function serve(
  shared: Shared,
  endpoint: Endpoint,
  request: Request,
  params: PathParameters,
): Promise<Response> {
  const exchange = new Exchange(shared, endpoint, request, params);
  try {
    const { route } = endpoint;
    if (route.access !== "exempt") return await serveGuarded(exchange, route);
    checkSize(exchange, shared.bodyBytes);
    if (!route.always) shared.control.cells.require("reads");
    return await route.run(exchange);
  } catch (error) {
    return refuse(exchange, error);
  }
}

/**
 * The order of checks, the same for every route: size, authentication, what is stopped, rate limit, content type, validation,
 * capability. What belongs to a world is for the engine to check.
 */
async function serveGuarded(exchange: Exchange, route: GuardedRoute): Promise<Response> {
  const { shared, request } = exchange;
  const type = route.body ? mediaType(request.headers.get("content-type")) : undefined;
  const lines = type === NDJSON_TYPE ? route.lines : undefined;
  checkSize(exchange, lines ? LIMITS.ndjsonBytes : shared.bodyBytes);

  const authenticated = exchange.authenticate();
  const caller = authenticated instanceof Promise ? await authenticated : authenticated;
  if (lacksAdminKey(route, caller)) throw ADMIN_KEY_NEEDED;
  exchange.admit(route, caller);
  const limited = route.limited ?? (ofMemory(route) ? "memory" : undefined);
  if (limited) shared.limiter.takeFirst(limited, caller);
  const engine = exchange.engine();
  exchange.hold(shared.admission.request());

  exchange.query = queryOf(request.url, route.query ?? NO_PARAMETERS, isApiPath(route.path));
  if (ofMemory(route)) requireSession(caller, sessionOf(exchange));
  if (lines) {
    refuseEncoded(request);
    requireCapability(caller, route.access);
    return lines.run({ exchange, engine, caller, input: undefined });
  }
  const input = route.body
    ? route.body.check(await decodeBody(exchange, route.body, type, route.lines !== undefined), exchange)
    : route.parameters?.(exchange);
  requireCapability(caller, route.access);
  const reply = await route.run({ exchange, engine, caller, input });
  return reply instanceof Response ? reply : exchange.reply(reply);
}

/**
 * Whether a route needs an admin key and none was sent. World Weaver asks for one beside the API key, so that there the
 * API key alone is not a key that may not, but a second one that is missing.
 */
function lacksAdminKey(route: GuardedRoute, caller: Caller): boolean {
  if (route.access !== "admin") return false;
  return caller.anonymous || (ofMemory(route) && !caller.capabilities.has("admin"));
}

/** Whether a route belongs to the memory family; the control plane beside it does not. */
function ofMemory(route: GuardedRoute): boolean {
  return isApiPath(route.path) && !route.always;
}

/** Refuses a body that says of itself that it is too large, before anything is read. */
function checkSize(exchange: Exchange, limit: number): void {
  const declared = declaredLength(exchange.request.headers);
  if (declared !== undefined && declared > limit) throw tooLarge(limit);
}

/** @throws Fault unsupported_media_type, and those of reading and decoding. */
async function decodeBody(
  exchange: Exchange,
  body: Body<unknown>,
  type: string | undefined,
  lines: boolean,
): Promise<unknown> {
  refuseEncoded(exchange.request);
  if (body.optional && isEmpty(exchange.request)) return {};
  const json = type === JSON_TYPE || (body.form && type === FORM_TYPE);
  if (!json && type !== MSGPACK_TYPE) {
    const types = `${JSON_TYPE} (UTF-8), ${MSGPACK_TYPE}${lines ? `, ${NDJSON_TYPE}` : ""}`;
    throw new Fault("unsupported_media_type", `send the body with a Content-Type of these: ${types}`);
  }
  const bytes = await readBody(exchange);
  exchange.bodyRead = true;
  return json ? decodeJson(bytes) : decodeMsgpack(bytes);
}

/** Whether a request has no body: none was sent, or one of no bytes. */
function isEmpty(request: Request): boolean {
  return request.body === null || declaredLength(request.headers) === 0;
}

/** @throws Fault unsupported_media_type for a compressed body. */
function refuseEncoded(request: Request): void {
  const encoding = request.headers.get("content-encoding");
  if (encoding === null || encoding.toLowerCase() === "identity") return;
  throw new Fault(
    "unsupported_media_type",
    "compressed bodies are not read; send it without Content-Encoding",
  );
}
