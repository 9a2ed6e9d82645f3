/** Traces of the built program, over OTLP/HTTP to a collector on loopback. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Collector } from "../telemetry/collector.ts";
import { atomOf, deepCheck, figure, suite, TestNode, until } from "./harness.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };

const env = (endpoint: string): Record<string, string> => ({
  WW_OTEL_ENABLED: "true",
  WW_OTEL_ENDPOINT: endpoint,
  DWBASE_TELEMETRY_LOG_LEVEL: "debug",
});

suite("tracing", () => {
  test("remember, ask and replay are traced with their stages, and the log names the trace", async () => {
    const collector = new Collector();
    const node = await TestNode.start({ env: env(collector.url) });
    await Bun.sleep(500);
    await node.post("/remember", atomOf("the spare key is under the blue pot"), PARENT);
    await node.post("/ask", { world: "home", text: "spare key" }, PARENT);
    await node.post("/replay", { world: "home" }, PARENT);
    await node.get("/healthz", PARENT);
    await until("the spans arrive", 20_000, () => collector.spans.length >= 11);
    const childrenOf = (name: string): string[] => {
      const root = collector.spans.find((span) => span.name === name);
      expect(root).toMatchObject({ traceId: TRACE, parentSpanId: "00f067aa0ba902b7" });
      return collector.spans.filter((span) => span.parentSpanId === root!.spanId).map((span) => span.name);
    };
    expect(childrenOf("POST /remember")).toEqual(["queue", "commit"]);
    expect(childrenOf("POST /ask")).toEqual(["queue", "semantic", "lexical", "rank", "encode"]);
    expect(childrenOf("POST /replay")).toEqual(["queue", "encode"]);
    expect(collector.spans.some((span) => span.name.includes("healthz"))).toBe(false);
    expect(node.log.some((line) => line.trace_id === TRACE && line.route === "/ask")).toBe(true);
    const key = readFileSync(join(node.dir, "secrets", "admin.key"), "utf8").trim();
    const flag = { json: { enabled: false }, headers: { "X-Admin-Key": key } };
    expect((await node.send("PATCH", "/api/v1/control/flags/telemetry", flag)).status).toBe(200);
    const before = collector.spans.length;
    await node.post(
      "/ask",
      { world: "home", text: "spare key" },
      { traceparent: `00-${TRACE.replace("4", "5")}-00f067aa0ba902b7-01` },
    );
    await Bun.sleep(3000);
    expect(collector.spans.slice(before).filter((span) => span.name === "POST /ask")).toEqual([]);
    await node.stop();
    await collector.stop();
    await deepCheck(node.dir);
  });

  test("a collector that is down or hangs delays nothing, and a gRPC port is mapped with one line", async () => {
    const node = await TestNode.start({ env: env("http://127.0.0.1:4317") });
    await Bun.sleep(500);
    const began = performance.now();
    for (let n = 0; n < 200; n++) await node.remember(atomOf(`memory ${n}`));
    const ms = performance.now() - began;
    expect(ms).toBeLessThan(20_000);
    const lines = node.log.filter((line) => String(line.msg).includes("4318"));
    expect(lines.length).toBe(1);
    figure(`tracing with the collector down: ${(ms / 200).toFixed(1)} ms a remember`);
    await node.stop();
    await deepCheck(node.dir);
  });
});
