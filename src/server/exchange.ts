import { encodeMsgpack } from "../atom/mod.ts";
import type { Authenticator, Caller, KeyRing, Limiter, TrustedProxies } from "../auth/mod.ts";
import { type Clock, Fault, LIMITS } from "../base/mod.ts";
import type { Circuits, Control } from "../control/mod.ts";
import type { Engine, HealthBody, Reply, StageSink, Want } from "../engine/mod.ts";
import type { Secrets } from "../secrets/mod.ts";
import { type Logger, type Metrics, type RequestTrace, requestId, type Tracing } from "../telemetry/mod.ts";
import type { Admission, Release } from "./admission.ts";
import type { Peer, Use, Uses } from "./connections.ts";
import type { Cors } from "./cors.ts";
import { type Documents, FixedText } from "./documents.ts";
import { addVary, type HeaderMap } from "./headers.ts";
import type { Meter } from "./meter.ts";
import { CONTENT_TYPE_OF, wantOf } from "./negotiate.ts";
import { isApiPath } from "./path.ts";
import type { Query } from "./query.ts";
import type { GuardedRoute, Route } from "./route.ts";

/** Tells how the node is, from memory alone. */
export interface HealthSource {
  body(): HealthBody;
  /** Whether storage serves and the disk is below its degraded mark. */
  ready(): boolean;
}

/** What all requests of one server share. */
export interface Shared {
  /** Undefined while the threads start. */
  engine(): Engine | undefined;
  health: HealthSource;
  authenticator: Authenticator;
  limiter: Limiter;
  /** Keys made at run time. */
  keys: KeyRing;
  control: Control;
  circuits: Circuits;
  secrets: Secrets;
  metrics: Metrics;
  /** Undefined while no traces are made. */
  tracing(): Tracing | undefined;
  logger: Logger;
  clock: Clock;
  admission: Admission;
  cors: Cors;
  /** Headers of every answer; see securityHeaders. */
  security: Readonly<HeaderMap>;
  proxies: TrustedProxies;
  /** Largest body of a request that is not a stream. */
  bodyBytes: number;
  version: string;
  /** Session of the memory family for requests without X-Session-ID. */
  defaultSession: string;
  /** Aborted when the server stops: streams end after what they have read. */
  stopping: AbortSignal;
  /** Who sent a request. */
  peer(request: Request): Peer;
  /** Which connections have asked something. */
  uses: Uses;
  /** The OpenAPI document and its page. */
  documents: Documents;
}

/** Parameters of a path by name. */
export type PathParameters = Readonly<Record<string, string>>;

/** A route with its counters. */
export interface Endpoint {
  route: Route;
  meter: Meter;
}

/** One request, what was found out about it, and the maker of its answer. */
export class Exchange {
  /** Set when the body has been read to its end. */
  bodyRead = false;
  /** Checked against what the route knows; set with the other checks. */
  query: Query = {};
  /** Parameters of the path by name, decoded. */
  readonly params: PathParameters;
  readonly shared: Shared;
  readonly request: Request;
  readonly id: string;
  readonly want: Want;
  private readonly endpoint: Endpoint;
  private readonly peer: Peer;
  private readonly use: Use;
  private readonly trace: RequestTrace | undefined;
  private readonly started: number;
  private extra: HeaderMap | undefined;
  private releases: Release[] | undefined;

  constructor(shared: Shared, endpoint: Endpoint, request: Request, params: PathParameters) {
    this.shared = shared;
    this.endpoint = endpoint;
    this.request = request;
    this.params = params;
    this.started = shared.clock.monotonic();
    this.peer = shared.peer(request);
    this.use = shared.uses.begin(this.peer);
    this.id = requestId(request.headers.get("x-request-id"));
    this.trace = this.beginTrace();
    const want = wantOf(request.headers);
    this.want = this.trace ? { ...want, stages: stagesTo(this.trace) } : want;
  }

  /** Routes for everybody are not traced: probes would fill the collector. */
  private beginTrace(): RequestTrace | undefined {
    const tracing = this.shared.tracing();
    const { route } = this.endpoint;
    if (!tracing || route.access === "exempt") return undefined;
    const { method, headers } = this.request;
    return tracing.begin(`${method} ${route.path}`, this.id, headers.get("traceparent"));
  }

  /** @throws Fault unauthenticated, forbidden, rate_limited; the same by rejection. */
  authenticate(): Caller | Promise<Caller> {
    const { authenticator, proxies } = this.shared;
    const { headers } = this.request;
    const address = proxies.clientAddress(this.peer.address, headers.get("x-forwarded-for"));
    return authenticator.authenticate(headers, address, { exempt: false });
  }

  /** @throws Fault overloaded while the threads start. */
  engine(): Engine {
    const engine = this.shared.engine();
    if (engine) return engine;
    throw new Fault("overloaded", "the node is starting; try again in 1 s", { retryAfter: 1 });
  }

  /**
   * Refuses what a panic level, read_only_mode or maintenance_mode stops. Flags that are rolled out to a part go by the
   * session of the memory family, else by the key or address.
   * @throws Fault read_only or maintenance
   */
  admit(route: GuardedRoute, caller: Caller): void {
    if (route.always) return;
    const { control, defaultSession } = this.shared;
    const unit = isApiPath(route.path)
      ? (this.request.headers.get("x-session-id") ?? defaultSession)
      : caller.bucket;
    control.admit(route.writes ? "writes" : "reads", unit);
  }

  /** Keeps a place of the admission until the request is answered. */
  hold(release: Release): void {
    this.releases ??= [];
    this.releases.push(release);
  }

  /** A header that the answer gets, whether good or bad. */
  setHeader(name: string, value: string): void {
    this.extra ??= {};
    this.extra[name] = value;
  }

  /** Headers that every answer has. */
  headers(contentType?: string): HeaderMap {
    const headers: HeaderMap = { "X-Request-Id": this.id, ...this.shared.security };
    if (contentType !== undefined) headers["Content-Type"] = contentType;
    this.shared.cors.decorate(this.request, headers);
    return this.extra ? Object.assign(headers, this.extra) : headers;
  }

  /** The answer of the engine. */
  reply(reply: Reply): Response {
    if (reply.status === 204) return this.answer(204, null, this.headers());
    const headers = this.headers(CONTENT_TYPE_OF[this.want.format]);
    addVary(headers, "Accept");
    if (reply.next !== undefined) headers["X-Next-After"] = reply.next;
    if (!reply.gzip) return this.compressed(reply.status, reply.bytes, headers);
    addVary(headers, "Accept-Encoding");
    headers["Content-Encoding"] = "gzip";
    return this.answer(reply.status, reply.bytes, headers);
  }

  /** A value that the main thread has at hand. */
  value(status: number, value: unknown): Response {
    const { format } = this.want;
    const headers = this.headers(CONTENT_TYPE_OF[format]);
    addVary(headers, "Accept");
    const body = format === "msgpack" ? encodeMsgpack(value) : JSON.stringify(value);
    return this.compressed(status, body, headers);
  }

  /** A text in a type of its own, whatever the caller would rather have. */
  text(body: string | FixedText, contentType: string): Response {
    return this.compressed(200, body, this.headers(contentType));
  }

  /** An answer that is compressed where the caller takes it and it is worth it. */
  private compressed(
    status: number,
    body: string | Uint8Array<ArrayBuffer> | FixedText,
    headers: HeaderMap,
  ): Response {
    const fixed = body instanceof FixedText;
    const plain = fixed ? body.plain : body;
    addVary(headers, "Accept-Encoding");
    const { length } = plain;
    if (!this.want.gzip || length < LIMITS.gzipBytes || (!fixed && length > LIMITS.gzipMainBytes)) {
      return this.answer(status, plain, headers);
    }
    headers["Content-Encoding"] = "gzip";
    return this.answer(status, fixed ? body.zipped : Bun.gzipSync(body), headers);
  }

  /** An answer whose body is at hand. It ends the exchange. */
  answer(status: number, body: Uint8Array<ArrayBuffer> | string | null, headers: HeaderMap): Response {
    this.close(status, body === null ? 0 : typeof body === "string" ? Buffer.byteLength(body) : body.length);
    return new Response(body, { status, headers });
  }

  /**
   * Counts and logs the request and gives back what it held. Called once, when the answer is complete: by `answer`,
   * or by whoever streams the answer (`streamed`: its duration says nothing about latency).
   */
  close(status: number, bytes: number, streamed = false): void {
    const { logger, clock } = this.shared;
    const { route, meter } = this.endpoint;
    // a line for every good request would wear the card that the journal lies on; the metrics count them all
    const level = status >= 500 ? "warn" : status >= 400 ? "info" : "debug";
    const ms = clock.monotonic() - this.started;
    meter.count(status, ms, streamed);
    this.trace?.end(status);
    if (logger.isLevelEnabled(level)) {
      const { method } = this.request;
      const rounded = Math.round(ms * 1000) / 1000;
      const line = { request_id: this.id, method, route: route.path, status, ms: rounded, bytes };
      logger[level](this.trace ? { ...line, trace_id: this.trace.id } : line, "request");
    }
    if (this.releases) for (const release of this.releases) release();
    this.releases = undefined;
    this.shared.uses.end(this.use, streamed ? 0 : bytes);
  }
}

function stagesTo(trace: RequestTrace): StageSink {
  return (stages) => {
    for (const [name, began, ended] of stages) trace.stage(name, began, ended);
  };
}
