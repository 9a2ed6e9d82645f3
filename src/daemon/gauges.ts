import type { BackupStatus } from "../backup/mod.ts";
import { writtenBytes } from "../base/mod.ts";
import type { ThreadedEngine } from "../engine/mod.ts";
import type { HealthBoard } from "../health/mod.ts";
import { type Log, type Metrics, STAGE_NUMBERS, setTotal } from "../telemetry/mod.ts";

/** Fills the metrics that are counted elsewhere, at every scrape, from memory and /proc only. */
export function connectGauges(
  metrics: Metrics,
  board: HealthBoard,
  log: Log,
  engine: () => ThreadedEngine | undefined,
  backup: () => BackupStatus,
): void {
  metrics.onScrape(() => {
    const health = board.body();
    const status = board.last;
    metrics.rssBytes.set(health.memory.rss_bytes);
    metrics.ramBudgetBytes.set(health.memory.budget_bytes);
    metrics.dataBytes.set(health.disk.used_bytes);
    metrics.dataBudgetBytes.set(health.disk.budget_bytes);
    metrics.diskUsedBytes.set(health.disk_usage.used_bytes);
    metrics.diskTotalBytes.set(health.disk_usage.total_bytes);
    metrics.diskUsedPercent.set(health.disk_usage.percent_used);
    metrics.budgetStage.set(
      { resource: "memory" },
      STAGE_NUMBERS[health.memory.stage as keyof typeof STAGE_NUMBERS],
    );
    metrics.budgetStage.set(
      { resource: "disk" },
      STAGE_NUMBERS[health.disk.stage as keyof typeof STAGE_NUMBERS],
    );
    metrics.observeQueueDepth.set(engine()?.queueDepth ?? 0);
    setTotal(metrics.observeDropped, engine()?.refused ?? 0);
    setTotal(metrics.storageWrittenBytes, writtenBytes());
    setTotal(metrics.logDropped, log.dropped());
    const { last_success_at: good, failures } = backup();
    metrics.lastBackupTimestampSeconds.set(good === null ? 0 : Date.parse(good) / 1000);
    setTotal(metrics.backupFailures, failures);
    metrics.indexFreshnessMs.set(health.index_rebuild_lag_ms);
    if (!status) return;
    metrics.quarantineCount.set(status.quarantined);
    metrics.gcEvictions.set(status.evictions);
    metrics.setTrustScores(status.trust);
    setTotal(metrics.atoms, status.head);
    setTotal(metrics.fsyncs, status.fsyncs);
    metrics.storageWrittenBytesPerDay.set(status.wear.written_bytes_per_day);
    metrics.fsyncsPerDay.set(status.wear.fsyncs_per_day);
  });
}
