import {
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
} from "@opentelemetry/sdk-trace-base";
import { type CircuitBreaker, LIMITS } from "../base/mod.ts";
import { parseTraceparent, type RequestTrace, type Tracing, type TracingOptions } from "./tracing.ts";

/** An exporter behind a circuit breaker: a collector that is down is not asked again and again. */
class GuardedExporter implements SpanExporter {
  dropped = 0;

  constructor(
    private readonly inner: SpanExporter,
    private readonly circuit: CircuitBreaker,
  ) {}

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    const send = (): Promise<void> =>
      new Promise((resolve, reject) => {
        this.inner.export(spans, ({ code, error }) => {
          if (code === ExportResultCode.SUCCESS) resolve();
          else reject(error ?? new Error("the collector refused the spans"));
        });
      });
    this.circuit
      .run(send, () => true)
      .then(() => done({ code: ExportResultCode.SUCCESS }))
      .catch((error) => {
        this.dropped += spans.length;
        done({ code: ExportResultCode.FAILED, error: error as Error });
      });
  }

  shutdown(): Promise<void> {
    return this.inner.shutdown();
  }
}

/** Traces over OTLP/HTTP with the OpenTelemetry SDK: a bounded queue, batches, one request at a time. */
export class OtlpTracing implements Tracing {
  readonly circuit: CircuitBreaker;
  private readonly exporter: GuardedExporter;
  private readonly provider: BasicTracerProvider;
  private readonly tracer: Tracer;

  constructor({ endpoint, version, instance, circuit }: TracingOptions) {
    this.circuit = circuit;
    const timeoutMillis = LIMITS.traceSendMs;
    this.exporter = new GuardedExporter(
      new OTLPTraceExporter({ url: endpoint, timeoutMillis, concurrencyLimit: 1 }),
      circuit,
    );
    this.provider = new BasicTracerProvider({
      resource: resourceFromAttributes({
        "service.name": "dwbase",
        "service.version": version,
        "service.instance.id": instance,
      }),
      spanProcessors: [
        new BatchSpanProcessor(this.exporter, {
          maxQueueSize: LIMITS.traceSpans,
          maxExportBatchSize: LIMITS.traceSpans / 4,
          scheduledDelayMillis: LIMITS.traceDelayMs,
          exportTimeoutMillis: timeoutMillis,
        }),
      ],
    });
    this.tracer = this.provider.getTracer("dwbase", version);
  }

  get dropped(): number {
    return this.exporter.dropped;
  }

  begin(name: string, requestId: string, traceparent: string | null): RequestTrace | undefined {
    const parent = parseTraceparent(traceparent);
    if (parent && !parent.sampled) return undefined;
    const context = parent
      ? trace.setSpanContext(ROOT_CONTEXT, {
          traceId: parent.traceId,
          spanId: parent.spanId,
          traceFlags: TraceFlags.SAMPLED,
          isRemote: true,
        })
      : ROOT_CONTEXT;
    const attributes = { "dwbase.request_id": requestId };
    return new OtlpTrace(
      this.tracer,
      this.tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, context),
    );
  }

  async shutdown(ms: number): Promise<void> {
    const ended = this.provider.shutdown().catch(() => {});
    await Promise.race([ended, Bun.sleep(ms)]);
  }
}

class OtlpTrace implements RequestTrace {
  constructor(
    private readonly tracer: Tracer,
    private readonly span: Span,
  ) {}

  get id(): string {
    return this.span.spanContext().traceId;
  }

  stage(name: string, began: number, ended: number): void {
    const context = trace.setSpan(ROOT_CONTEXT, this.span);
    this.tracer
      .startSpan(name, { startTime: performance.timeOrigin + began }, context)
      .end(performance.timeOrigin + ended);
  }

  end(status: number): void {
    this.span.setAttribute("http.response.status_code", status);
    if (status >= 500) this.span.setStatus({ code: SpanStatusCode.ERROR });
    this.span.end();
  }
}
