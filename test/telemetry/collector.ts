/** A span as a collector got it. */
export interface Collected {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: Record<string, unknown>;
  ms: number;
}

type Pairs = { key: string; value: Record<string, unknown> }[];

const values = (pairs: Pairs): Record<string, unknown> =>
  Object.fromEntries(
    pairs.map(({ key, value }) => [
      key,
      "intValue" in value ? Number(value.intValue) : Object.values(value)[0],
    ]),
  );

/** A loopback OTLP/HTTP endpoint that takes JSON. */
export class Collector {
  readonly spans: Collected[] = [];
  resource: Record<string, unknown> = {};
  private readonly server: Bun.Server<undefined>;

  constructor() {
    this.server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => this.take(request) });
  }

  get url(): string {
    return `http://127.0.0.1:${this.server.port}/v1/traces`;
  }

  stop(): Promise<void> {
    return this.server.stop(true);
  }

  private async take(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== "/v1/traces") return new Response(null, { status: 404 });
    // biome-ignore lint/suspicious/noExplicitAny: OTLP's own shape
    const { resourceSpans }: any = await request.json();
    for (const { resource, scopeSpans } of resourceSpans) {
      this.resource = values(resource.attributes);
      for (const { spans } of scopeSpans) {
        for (const span of spans) {
          const ms = Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6;
          this.spans.push({ ...span, attributes: values(span.attributes), ms });
        }
      }
    }
    return Response.json({});
  }
}
