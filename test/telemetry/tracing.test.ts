/** Traces: whose trace is continued, what reaches a collector, and that one that is away costs nothing. */
import { afterAll, describe, expect, test } from "bun:test";
import { CircuitBreaker, LIMITS, ManualClock } from "../../src/base/mod.ts";
import { openTracing, parseTraceparent } from "../../src/telemetry/mod.ts";
import { type Collected, Collector } from "./collector.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

describe("a traceparent header", () => {
  test("names trace, span and whether it is sampled", () => {
    const parent = { traceId: TRACE, spanId: SPAN };
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-01`)).toEqual({ ...parent, sampled: true });
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-00`)).toEqual({ ...parent, sampled: false });
    expect(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-comes-later`)).toEqual({ ...parent, sampled: true });
  });

  test("that is malformed counts as none", () => {
    const bad = [
      null,
      "",
      `ff-${TRACE}-${SPAN}-01`,
      `00-${"0".repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${"0".repeat(16)}-01`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}`,
      `00-${TRACE}-${SPAN}-01-more`,
    ];
    expect(bad.map(parseTraceparent)).toEqual(bad.map(() => undefined));
  });
});

const collectors: Collector[] = [];
afterAll(() => Promise.all(collectors.map((one) => one.stop())));

function collector(): Collector {
  const one = new Collector();
  collectors.push(one);
  return one;
}

const open = (endpoint: string, circuit = new CircuitBreaker("the collector", new ManualClock())) =>
  openTracing({ endpoint, version: "1.2.3", instance: "test", circuit });

describe("traces", () => {
  test("reach the collector with their stages inside the request's span, in the caller's trace", async () => {
    const there = collector();
    const tracing = await open(there.url);
    const request = tracing.begin("POST /ask", "r1", `00-${TRACE}-${SPAN}-01`)!;
    expect(request.id).toBe(TRACE);
    const began = performance.now();
    request.stage("queue", began - 3, began - 2);
    request.stage("rank", began - 2, began - 1);
    request.end(503);
    await tracing.shutdown(5000);
    const spans = new Map(there.spans.map((span): [string, Collected] => [span.name, span]));
    expect([...spans.keys()].sort()).toEqual(["POST /ask", "queue", "rank"]);
    const root = spans.get("POST /ask")!;
    expect(root).toMatchObject({
      traceId: TRACE,
      parentSpanId: SPAN,
      attributes: { "dwbase.request_id": "r1" },
    });
    expect(root.attributes["http.response.status_code"]).toBe(503);
    for (const name of ["queue", "rank"]) {
      expect(spans.get(name)).toMatchObject({ traceId: TRACE, parentSpanId: root.spanId });
      expect(spans.get(name)!.ms).toBeCloseTo(1, 1);
    }
    expect(there.resource).toMatchObject({ "service.name": "dwbase", "service.version": "1.2.3" });
  });

  test("that the caller does not sample are not made", async () => {
    const tracing = await open(collector().url);
    expect(tracing.begin("POST /ask", "r", `00-${TRACE}-${SPAN}-00`)).toBeUndefined();
    await tracing.shutdown(1000);
  });

  test("for a collector that is away are dropped and counted, and its circuit opens", async () => {
    const gone = collector();
    const { url } = gone;
    await gone.stop();
    const circuit = new CircuitBreaker("the collector", new ManualClock());
    const tracing = await open(url, circuit);
    for (let n = 0; n < LIMITS.circuitFailures * LIMITS.traceSpans; n++)
      tracing.begin("POST /ask", "r", null)!.end(200);
    await tracing.shutdown(20_000);
    expect(tracing.dropped).toBeGreaterThan(0);
    expect(circuit.report().failures + Number(circuit.state() === "open")).toBeGreaterThan(0);
  });
});
