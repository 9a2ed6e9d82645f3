import { chmodSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { Elysia } from "elysia";
import { type Authenticator, KeyRing, type Limiter, TrustedProxies } from "../auth/mod.ts";
import { type Clock, errnoOf, Fault, LIMITS, type Stage } from "../base/mod.ts";
import { formatListen, type Listen } from "../config/mod.ts";
import type { Circuits, Control } from "../control/mod.ts";
import type { Engine } from "../engine/mod.ts";
import type { Secrets } from "../secrets/mod.ts";
import type { Logger, Metrics, Tracing } from "../telemetry/mod.ts";
import { Admission } from "./admission.ts";
import { ConnectionCap, type Peer, Uses } from "./connections.ts";
import { Cors } from "./cors.ts";
import { createDocuments } from "./documents.ts";
import type { Endpoint, HealthSource, PathParameters, Shared } from "./exchange.ts";
import { fallbackRoute } from "./fallback.ts";
import { securityHeaders } from "./headers.ts";
import { Meter } from "./meter.ts";
import { pathStart } from "./path.ts";
import { serve } from "./pipeline.ts";
import type { Route } from "./route.ts";
import { ROUTES } from "./routes/table.ts";
import { Sockets } from "./sockets.ts";
import type { Tls } from "./tls.ts";

export interface ServerParts {
  /** Undefined while the threads start; requests that need it get 503 until then. */
  engine: Engine | (() => Engine | undefined);
  health: HealthSource;
  authenticator: Authenticator;
  limiter: Limiter;
  /** Keys made at run time; without them there are none. */
  keys?: KeyRing;
  control: Control;
  circuits: Circuits;
  secrets: Secrets;
  metrics: Metrics;
  logger: Logger;
  clock: Clock;
  version: string;
  /** Largest body of a request that is not an NDJSON stream; node.limits.body_bytes. */
  bodyBytes?: number;
  corsOrigins?: readonly string[];
  /** Certificate and key; plain HTTP without them. */
  tls?: Tls;
  trustedProxies?: readonly string[];
  /** Session of requests without X-Session-ID; memory.default_session. */
  defaultSession?: string;
  /** Makes traces of requests, while they are wanted. */
  tracing?: () => Tracing | undefined;
  /** How full memory is; large bodies are let in by it. */
  memoryStage?: () => Stage;
}

export interface Server {
  /**
   * Starts to answer at an address.
   * @throws Fault conflict (the address is taken), invalid_input (it is none of this machine), storage_error.
   */
  listen(address: Listen): Promise<Listening>;
  /** From now on new connections get this certificate; requests under way go on. @throws Fault as `listen` */
  renew(tls: Tls): Promise<void>;
  /** Stops accepting, lets requests in flight end within LIMITS.shutdownMs, then closes what is left. */
  stop(): Promise<void>;
  /** Answers a request in this process, as if it had come over a socket from `peer`. */
  handle(request: Request, peer?: string): Promise<Response>;
}

export interface Listening {
  /** How a client on this machine reaches it. */
  url: string;
  /** 0 for a Unix socket. */
  port: number;
}

type BunServer = Bun.Server<undefined>;

/** The peer of requests over a Unix socket. */
const UNIX_PEER: Peer = { address: "unix", port: 0 };
/** How often it is said at most that connections were closed. */
const TELL_MS = 60_000;

/** The HTTP face of an engine. */
export function createServer(parts: ServerParts): Server {
  const stopping = new AbortController();
  const peers = new WeakMap<Request, Peer>();
  const uses = new Uses();
  let cap: ConnectionCap | undefined;
  let listener: BunServer | undefined;
  /** Listeners that were replaced, whose connections may still be open. */
  const retired = new Set<BunServer>();
  let at: Listen | undefined;
  let socketPath: string | undefined;

  const shared: Shared = {
    engine: typeof parts.engine === "function" ? parts.engine : () => parts.engine as Engine,
    health: parts.health,
    authenticator: parts.authenticator,
    limiter: parts.limiter,
    keys: parts.keys ?? new KeyRing(),
    control: parts.control,
    circuits: parts.circuits,
    secrets: parts.secrets,
    metrics: parts.metrics,
    tracing: parts.tracing ?? (() => undefined),
    logger: parts.logger,
    clock: parts.clock,
    version: parts.version,
    defaultSession: parts.defaultSession ?? "default",
    admission: new Admission(parts.memoryStage),
    cors: new Cors(parts.corsOrigins ?? []),
    security: securityHeaders(parts.tls !== undefined),
    proxies: new TrustedProxies(parts.trustedProxies ?? []),
    bodyBytes: parts.bodyBytes ?? LIMITS.bodyBytes,
    stopping: stopping.signal,
    peer: (request) => listener?.requestIP(request) ?? peers.get(request) ?? UNIX_PEER,
    uses,
    documents: createDocuments(ROUTES, parts.version, parts.authenticator.open),
  };
  const route = router(shared);
  const fetch = (request: Request) => {
    const routable = withRoutableUrl(request);
    if (routable !== request) peers.set(routable, shared.peer(request));
    return route(routable);
  };

  return {
    async listen(address) {
      listener = await open(address, fetch, parts.logger, parts.tls);
      at = address.kind === "tcp" ? { ...address, port: listener.port ?? address.port } : address;
      if (address.kind === "unix") socketPath = address.path;
      cap = new ConnectionCap({ sockets: socketsOf(at, parts.logger), uses, tell: tellOf(parts) });
      const url = address.kind === "unix" ? formatListen(address) : listener.url.origin;
      return { url, port: listener.port ?? 0 };
    },
    async renew(tls) {
      if (!listener || !at) return;
      const before = listener;
      retired.add(before);
      // it gives the address up at once, and ends when its last connection does
      void before.stop().then(() => retired.delete(before));
      listener = await open(at, fetch, parts.logger, tls);
    },
    async stop() {
      stopping.abort();
      cap?.stop();
      if (!listener) return;
      const all = [listener, ...retired];
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, LIMITS.shutdownMs);
      await Promise.race([Promise.all(all.map((each) => each.stop())), late.promise]);
      clearTimeout(timer);
      await Promise.all(all.map((each) => each.stop(true)));
      if (socketPath !== undefined) rmSync(socketPath, { force: true });
    },
    async handle(request, peer = "127.0.0.1") {
      peers.set(request, { address: peer, port: 0 });
      return fetch(request);
    },
  };
}

/** @returns undefined where the C library cannot be called */
function socketsOf(at: Listen, logger: Logger): Sockets | undefined {
  try {
    return new Sockets(at);
  } catch (cause) {
    logger.warn({ reason: (cause as Error).message }, "the number of connections cannot be bounded here");
    return undefined;
  }
}

/** Counts connections that were closed, and says so once in a while. */
function tellOf({ metrics, logger, clock }: ServerParts): (closed: number, why: string) => void {
  let since = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  return (closed, why) => {
    metrics.connectionsClosed.inc(closed);
    since += closed;
    if (clock.monotonic() - toldAt < TELL_MS) return;
    logger.warn({ closed: since }, `connections were closed: ${why}`);
    toldAt = clock.monotonic();
    since = 0;
  };
}

/** Where Elysia begins to look for the path of a URL; a shorter "http://pi/" has it before that. */
const PATH_FROM = 11;

/**
 * The request with a URL that can be routed. Without a Host that can stand in a URL (HTTP/1.0, many clients of Unix
 * sockets) the runtime leaves only the path, and with a very short one the router would not find the path.
 */
function withRoutableUrl(request: Request): Request {
  const at = pathStart(request.url);
  return at >= PATH_FROM ? request : new Request(`http://localhost${request.url.slice(at)}`, request);
}

const NO_PARAMS: PathParameters = {};

/** A last parameter that takes the rest of the path, as ":query+". */
const REST = /:(\w+)\+$/;

function restOf(path: string): string | undefined {
  return REST.exec(path)?.[1];
}

/** The router leaves the rest of a path as it was sent; what is no percent-encoding stays so. */
function decoded(rest: string): string {
  try {
    return decodeURIComponent(rest);
  } catch {
    return rest;
  }
}

/** Elysia routes; the body is ours to read, since our order of checks is not the framework's. */
function router(shared: Shared): (request: Request) => Response | Promise<Response> {
  const app = new Elysia({ strictPath: true, nativeStaticResponse: false });
  const endpointOf = (route: Route): Endpoint => ({ route, meter: new Meter(shared.metrics, route) });
  for (const route of ROUTES) {
    const endpoint = endpointOf(route);
    // Handlers take their context apart so that Elysia sees that nothing else of a request has to be prepared.
    const rest = restOf(route.path);
    const handler = route.path.includes(":")
      ? ({ request, params }: { request: Request; params: Record<string, string> }) =>
          serve(
            shared,
            endpoint,
            request,
            rest === undefined ? params : { [rest]: decoded(params["*"] ?? "") },
          )
      : ({ request }: { request: Request }) => serve(shared, endpoint, request, NO_PARAMS);
    app.route(route.method, route.path.replace(REST, "*"), handler, { parse: "none" });
  }
  const fallback = endpointOf(fallbackRoute(ROUTES));
  const refuse = ({ request }: { request: Request }) => serve(shared, fallback, request, NO_PARAMS);
  for (const [method, path] of shadowed(ROUTES)) app.route(method, path, refuse, { parse: "none" });
  app.all("/*", refuse, { parse: "none" });
  app.compile();
  return app.fetch;
}

/** Methods that a spelled-out path does not take, which a path with a parameter beside it would: PUT /skills/recall. */
function shadowed(routes: readonly Route[]): [method: string, path: string][] {
  const methods = new Set(routes.map(({ method }) => method));
  const spelledOut = routes.filter(({ path }) => !path.includes(":"));
  return [...Map.groupBy(spelledOut, ({ path }) => path)].flatMap(([path, held]) =>
    [...methods.difference(new Set(held.map(({ method }) => method)))].map((method): [string, string] => [
      method,
      path,
    ]),
  );
}

/** Opens the listener. A Unix socket that nobody listens on any more is replaced. */
async function open(
  address: Listen,
  fetch: (request: Request) => Response | Promise<Response>,
  logger: Logger,
  tls: Tls | undefined,
): Promise<BunServer> {
  const options = {
    fetch,
    ...(tls && { tls: { cert: tls.cert, key: tls.key } }),
    idleTimeout: LIMITS.idleSeconds,
    development: false,
    // Else, outside of development mode, a second node could take the same port and half of the requests.
    reusePort: false,
    // Ours to refuse: the runtime would answer without a body.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    error(cause: Error) {
      logger.error({ err: cause }, "internal error outside of a request's handling");
      const body = { error: "an internal error happened; look into the node's log", code: "internal_error" };
      return Response.json(body, { status: 500 });
    },
  };
  try {
    if (address.kind === "tcp") return Bun.serve({ ...options, hostname: address.host, port: address.port });
    if (await isStaleSocket(address.path)) rmSync(address.path);
    // The types leave the idle time-out out for Unix sockets; the runtime honours it.
    const server = Bun.serve({ ...options, unix: address.path } as unknown as Bun.Serve.Options<undefined>);
    chmodSync(address.path, 0o660);
    return server;
  } catch (cause) {
    throw listenFault(address, cause);
  }
}

function isStaleSocket(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error) => resolve(errnoOf(error) === "ECONNREFUSED"));
  });
}

function listenFault(address: Listen, cause: unknown): Fault {
  const at = formatListen(address);
  const details = { op: "listen", cause };
  switch (errnoOf(cause)) {
    case "EADDRINUSE":
      return new Fault(
        "conflict",
        `cannot listen on ${at}: it is taken; stop what listens there or change node.listen`,
        details,
      );
    case "EADDRNOTAVAIL":
      return new Fault(
        "invalid_input",
        `cannot listen on ${at}: this machine has no such address; change node.listen`,
        details,
      );
    case "EACCES":
      return new Fault(
        "storage_error",
        `cannot listen on ${at}: permission denied; take a port above 1023 or change node.listen`,
        details,
      );
    default:
      return new Fault(
        "storage_error",
        `cannot listen on ${at}: ${(cause as Error).message}; change node.listen`,
        details,
      );
  }
}
