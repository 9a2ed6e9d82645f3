import type { CircuitBreaker } from "../base/mod.ts";

/** One traced request. Times are performance.now() of the main thread. */
export interface RequestTrace {
  /** 32 hex digits: for log lines. */
  readonly id: string;
  /** A part of the request that is over. */
  stage(name: string, began: number, ended: number): void;
  /** The request is answered. */
  end(status: number): void;
}

/** Makes traces and sends them away. Nothing here waits: what cannot be sent in time is dropped. */
export interface Tracing {
  readonly circuit: CircuitBreaker;
  /** Spans dropped because the collector did not take them. */
  readonly dropped: number;
  /**
   * @param name method and route pattern
   * @param traceparent W3C header of the caller, whose trace is continued when it is well formed
   * @returns undefined when the caller's trace is not sampled
   */
  begin(name: string, requestId: string, traceparent: string | null): RequestTrace | undefined;
  /** Sends what waits, for at most `ms`. */
  shutdown(ms: number): Promise<void>;
}

export interface TracingOptions {
  /** OTLP/HTTP address, path included. */
  endpoint: string;
  version: string;
  /** The node's id, or what else tells it from others. */
  instance: string;
  circuit: CircuitBreaker;
}

/** The caller's side of a trace. */
export interface Parent {
  traceId: string;
  spanId: string;
  sampled: boolean;
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;

/** A W3C traceparent header; undefined when it is absent or malformed. */
export function parseTraceparent(header: string | null): Parent | undefined {
  const found = header === null ? null : TRACEPARENT.exec(header);
  if (!found || (header!.startsWith("00") && header!.length !== 55)) return undefined;
  const [, traceId, spanId, flags] = found;
  return { traceId: traceId!, spanId: spanId!, sampled: (Number.parseInt(flags!, 16) & 1) === 1 };
}

/** Loads the OpenTelemetry packages, which a node without traces never does, and opens the way to the collector. */
export async function openTracing(options: TracingOptions): Promise<Tracing> {
  const { OtlpTracing } = await import("./otlp.ts");
  return new OtlpTracing(options);
}
