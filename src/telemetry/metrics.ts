import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { BUILD, LIMITS } from "../base/mod.ts";

/** Upper bounds of latency buckets in ms: a memory answer to a stalled SD card. */
const LATENCY_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000];
const LATENCY_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Stages of a budget as the numbers of dwbase_budget_stage. */
export const STAGE_NUMBERS = { ok: 0, tight: 1, critical: 2 } as const;

/** Brings a counter to a total that is counted elsewhere. */
export function setTotal(counter: Counter, total: number): void {
  counter.reset();
  counter.inc(total);
}

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * The node's metrics: typed handles of a registry of their own. Names without a unit suffix of Prometheus' liking are
 * those that dashboards of DWBase 0.1.5 read.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const trustScore = new Gauge({
    name: "dwbase_trust_score",
    help: "Trust of the workers with the most votes, 0 to 1.",
    labelNames: ["entity"],
    registers,
  });
  const buildInfo = new Gauge({
    name: "dwbase_build_info",
    help: "Always 1; the labels tell the version and commit.",
    labelNames: ["version", "commit"],
    registers,
  });
  buildInfo.set({ version: BUILD.version, commit: BUILD.commit }, 1);

  const scrapes: (() => void)[] = [];

  return {
    rememberLatencyMs: new Histogram({
      name: "dwbase_remember_latency_ms",
      help: "Milliseconds from a remember request to its acknowledgement.",
      buckets: LATENCY_MS,
      registers,
    }),
    askLatencyMs: new Histogram({
      name: "dwbase_ask_latency_ms",
      help: "Milliseconds from a question to its answer.",
      buckets: LATENCY_MS,
      registers,
    }),
    indexFreshnessMs: gauge(
      "dwbase_index_freshness_ms",
      "Age in milliseconds of the oldest atom not yet indexed.",
    ),
    syncLagMs: gauge("dwbase_sync_lag_ms", "Milliseconds that replication is behind; 0 without replication."),
    quarantineCount: gauge("dwbase_quarantine_count", "Atoms in quarantine."),
    diskUsedBytes: gauge("dwbase_disk_used_bytes", "Bytes used by the data directory."),
    diskTotalBytes: gauge("dwbase_disk_total_bytes", "Bytes that the data directory may use."),
    diskUsedPercent: gauge("dwbase_disk_used_percent", "Used share of the disk budget, 0 to 100."),
    gcEvictions: gauge("dwbase_gc_evictions", "Atoms evicted by retention since the start."),
    observeQueueDepth: gauge("dwbase_observe_queue_depth", "Writes waiting for the writer thread."),
    observeDropped: counter("dwbase_observe_dropped_total", "Writes refused because the queue was full."),
    atoms: counter("dwbase_atoms_total", "Atoms ever stored in this data directory."),
    httpRequests: new Counter({
      name: "dwbase_http_requests_total",
      help: "Answered requests by route pattern and status.",
      labelNames: ["route", "status"],
      registers,
    }),
    httpRequestSeconds: new Histogram({
      name: "dwbase_http_request_seconds",
      help: "Seconds from the arrival of a request to its answer.",
      buckets: LATENCY_S,
      registers,
    }),
    rssBytes: gauge("dwbase_rss_bytes", "Resident memory of the process."),
    budgetStage: new Gauge({
      name: "dwbase_budget_stage",
      help: "Stage of a budget: 0 ok, 1 tight, 2 critical.",
      labelNames: ["resource"],
      registers,
    }),
    fsyncs: counter("dwbase_fsyncs_total", "Commits flushed to the disk."),
    storageWrittenBytes: counter(
      "dwbase_storage_written_bytes_total",
      "Bytes written to the disk (SD card wear).",
    ),
    lastBackupTimestampSeconds: gauge(
      "dwbase_last_backup_timestamp_seconds",
      "Unix time of the last good backup; 0 before the first.",
    ),
    backupFailures: counter("dwbase_backup_failures_total", "Backups that failed."),
    logDropped: counter("dwbase_log_dropped_total", "Log lines that could not be written."),

    /** Replaces the trust scores; only the first LIMITS.trustSeries entities are kept. */
    setTrustScores(scores: Iterable<readonly [entity: string, score: number]>): void {
      trustScore.reset();
      let count = 0;
      for (const [entity, score] of scores) {
        if (count++ >= LIMITS.trustSeries) return;
        trustScore.set({ entity }, score);
      }
    },
    /** Has `update` called before every scrape, to set what is counted elsewhere; it must not wait for anything. */
    onScrape(update: () => void): void {
      scrapes.push(update);
    },
    /** The Prometheus text of all metrics. */
    metricsText(): Promise<string> {
      for (const update of scrapes) update();
      return registry.metrics();
    },
    /** Content-Type of that text. */
    contentType: registry.contentType as string,
  };
}
