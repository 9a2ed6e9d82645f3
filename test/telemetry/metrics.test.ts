import { expect, test } from "bun:test";
import { LIMITS } from "../../src/base/mod.ts";
import { createMetrics, requestId, setTotal } from "../../src/telemetry/mod.ts";

const NAMES: Record<string, string> = {
  dwbase_remember_latency_ms: "histogram",
  dwbase_ask_latency_ms: "histogram",
  dwbase_index_freshness_ms: "gauge",
  dwbase_trust_score: "gauge",
  dwbase_sync_lag_ms: "gauge",
  dwbase_quarantine_count: "gauge",
  dwbase_disk_used_bytes: "gauge",
  dwbase_disk_total_bytes: "gauge",
  dwbase_disk_used_percent: "gauge",
  dwbase_gc_evictions: "gauge",
  dwbase_observe_queue_depth: "gauge",
  dwbase_observe_dropped_total: "counter",
  dwbase_build_info: "gauge",
  dwbase_connections_closed_total: "counter",
  dwbase_atoms_total: "counter",
  dwbase_http_requests_total: "counter",
  dwbase_http_request_seconds: "histogram",
  dwbase_rss_bytes: "gauge",
  dwbase_ram_budget_bytes: "gauge",
  dwbase_data_bytes: "gauge",
  dwbase_data_budget_bytes: "gauge",
  dwbase_storage_written_bytes_per_day: "gauge",
  dwbase_fsyncs_per_day: "gauge",
  dwbase_budget_stage: "gauge",
  dwbase_budget_events_total: "counter",
  dwbase_fsyncs_total: "counter",
  dwbase_storage_written_bytes_total: "counter",
  dwbase_last_backup_timestamp_seconds: "gauge",
  dwbase_backup_failures_total: "counter",
  dwbase_log_dropped_total: "counter",
};

test("every documented metric is there with its type and help, and no other", async () => {
  const text = await createMetrics().metricsText();
  expect(Object.fromEntries([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((m) => [m[1], m[2]]))).toEqual(
    NAMES,
  );
  const helped = [...text.matchAll(/^# HELP (\S+) \S.*\.$/gm)].map((m) => m[1]!);
  expect(helped.sort()).toEqual(Object.keys(NAMES).sort());
});

test("handles are typed and each set of metrics stands alone", async () => {
  const metrics = createMetrics();
  metrics.httpRequests.inc({ route: "/atoms/{id}", status: 200 });
  metrics.budgetStage.set({ resource: "ram" }, 1);
  metrics.askLatencyMs.observe(7);
  const text = await metrics.metricsText();
  expect(text).toContain('dwbase_http_requests_total{route="/atoms/{id}",status="200"} 1');
  expect(text).toContain('dwbase_budget_stage{resource="ram"} 1');
  expect(text).toContain('dwbase_ask_latency_ms_bucket{le="10"} 1');
  expect(await createMetrics().metricsText()).toContain("dwbase_ask_latency_ms_count 0");
});

test("what is counted elsewhere is brought up to date by a scrape", async () => {
  const metrics = createMetrics();
  let lost = 3;
  metrics.onScrape(() => setTotal(metrics.logDropped, lost));
  expect(await metrics.metricsText()).toContain("dwbase_log_dropped_total 3");
  lost = 5;
  expect(await metrics.metricsText()).toContain("dwbase_log_dropped_total 5");
});

test("trust scores are replaced as a whole and bounded", async () => {
  const metrics = createMetrics();
  metrics.setTrustScores([["gone", 0.9]]);
  metrics.setTrustScores(Array.from({ length: LIMITS.trustSeries + 50 }, (_, i) => [`w${i}`, 0.5] as const));
  const series = (await metrics.metricsText()).match(/^dwbase_trust_score\{.*$/gm)!;
  expect(series.length).toBe(LIMITS.trustSeries);
  expect(series.join()).not.toContain("gone");
});

test("a request id is the caller's when well formed, else a new UUIDv7", () => {
  for (const good of ["a", "req-1.2_x", "9".repeat(128)]) expect(requestId(good)).toBe(good);
  const v7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  for (const bad of [null, "", "9".repeat(129), "a b", "a\n", "ü", '"']) expect(requestId(bad)).toMatch(v7);
  expect(requestId(null)).not.toBe(requestId(null));
});
