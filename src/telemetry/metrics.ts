import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { BUILD, LIMITS } from "../base/mod.ts";

/** Upper bounds of latency buckets in ms: from an answer out of memory to a stalled SD card. */
const LATENCY_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000];

/** Stages of a budget as the numbers of dwbase_budget_stage. */
export const STAGE_NUMBERS = { ok: 0, tight: 1, critical: 2 } as const;

/** Name without "dwbase_", what it tells. */
type Plain = readonly [name: string, help: string];

// Names whose unit or suffix is not to Prometheus' taste are those that dashboards of DWBase 0.1.5 read.
const GAUGES = {
  indexFreshnessMs: ["index_freshness_ms", "Age in milliseconds of the oldest atom not yet indexed."],
  syncLagMs: ["sync_lag_ms", "Milliseconds that replication is behind; 0 without replication."],
  quarantineCount: ["quarantine_count", "Atoms in quarantine."],
  diskUsedBytes: ["disk_used_bytes", "Bytes used of the volume of the data directory."],
  diskTotalBytes: ["disk_total_bytes", "Bytes of that volume."],
  diskUsedPercent: ["disk_used_percent", "Used share of that volume, 0 to 100."],
  gcEvictions: ["gc_evictions", "Atoms evicted by retention since the start."],
  observeQueueDepth: ["observe_queue_depth", "Writes waiting for the writer thread."],
  rssBytes: ["rss_bytes", "Resident memory of the process and its children."],
  ramBudgetBytes: ["ram_budget_bytes", "Bytes of memory that the node may take."],
  dataBytes: ["data_bytes", "Bytes of the data directory; free pages of the database left out."],
  dataBudgetBytes: ["data_budget_bytes", "Bytes that the data directory may take."],
  storageWrittenBytesPerDay: [
    "storage_written_bytes_per_day",
    "Bytes written to the disk in a day, from the last day or what there is of it.",
  ],
  fsyncsPerDay: ["fsyncs_per_day", "Flushes to the disk in a day, from the last day or what there is of it."],
  lastBackupTimestampSeconds: [
    "last_backup_timestamp_seconds",
    "Unix time of the last good backup; 0 = none yet.",
  ],
} as const satisfies Record<string, Plain>;

const COUNTERS = {
  observeDropped: ["observe_dropped_total", "Writes refused because the queue was full."],
  atoms: ["atoms_total", "Atoms ever stored in this data directory."],
  fsyncs: ["fsyncs_total", "Flushes to the disk."],
  storageWrittenBytes: ["storage_written_bytes_total", "Bytes written to the disk (SD card wear)."],
  backupFailures: ["backup_failures_total", "Backups that failed."],
  connectionsClosed: [
    "connections_closed_total",
    "Connections closed: too many were open, or too many answers not taken.",
  ],
  logDropped: ["log_dropped_total", "Log lines that could not be written."],
} as const satisfies Record<string, Plain>;

function mapValues<K extends string, A, B>(
  table: Readonly<Record<K, A>>,
  make: (value: A) => B,
): Record<K, B> {
  const entries = Object.entries<A>(table).map(([key, value]) => [key, make(value)]);
  return Object.fromEntries(entries) as Record<K, B>;
}

/** Brings a counter to a total that is counted elsewhere. */
export function setTotal(counter: Counter, total: number): void {
  counter.reset();
  counter.inc(total);
}

export type Metrics = ReturnType<typeof createMetrics>;

/** The node's metrics: typed handles in a registry of their own. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const named = ([name, help]: Plain) => ({ name: `dwbase_${name}`, help, registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ ...named([name, help]), buckets });

  const info = named(["build_info", "Always 1; the labels tell the version and the commit."]);
  new Gauge({ ...info, labelNames: ["version", "commit"] }).set(
    { version: BUILD.version, commit: BUILD.commit },
    1,
  );
  const trust = named(["trust_score", "Trust of the workers with the most votes, 0 to 1."]);
  const trustScore = new Gauge({ ...trust, labelNames: ["entity"] });
  const stage = named(["budget_stage", "Stage of a budget: 0 ok, 1 tight, 2 critical."]);
  const events = named(["budget_events_total", "Entries into a stage of a budget."]);
  const requests = named(["http_requests_total", "Answered requests by route pattern and status."]);
  const scrapes: (() => void)[] = [];

  return {
    ...mapValues(GAUGES, (plain) => new Gauge(named(plain))),
    ...mapValues(COUNTERS, (plain) => new Counter(named(plain))),
    rememberLatencyMs: histogram(
      "remember_latency_ms",
      "Milliseconds from a remember request to its acknowledgement.",
      LATENCY_MS,
    ),
    askLatencyMs: histogram("ask_latency_ms", "Milliseconds from a question to its answer.", LATENCY_MS),
    httpRequestSeconds: histogram(
      "http_request_seconds",
      "Seconds from the arrival of a request to its answer.",
      LATENCY_MS.map((ms) => ms / 1000),
    ),
    /** `route` is the pattern ("/atoms/{id}"), never the path: label values must stay few. */
    httpRequests: new Counter({ ...requests, labelNames: ["route", "status"] }),
    budgetStage: new Gauge({ ...stage, labelNames: ["resource"] }),

    budgetEvents: new Counter({ ...events, labelNames: ["resource", "stage"] }),

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
