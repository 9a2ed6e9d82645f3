import { type BackupStatus, backupStatusOf } from "../backup/mod.ts";
import { layout } from "../base/mod.ts";
import type { HealthCheck } from "../engine/mod.ts";
import { backupCheck, clockSyncCheck, powerCheck, readClockSynced, readThrottled } from "../health/mod.ts";

/** The device's own signs change slowly. */
const REFRESH_MS = 30_000;

/** What is known of the device beside the node: read off the main thread, now and then, and kept. */
export class DeviceWatch {
  backup: BackupStatus = backupStatusOf(undefined);
  private clockSynced: boolean | undefined;
  private throttled: number | undefined;
  private timer: Timer | undefined;

  /** @param backups a target is configured */
  constructor(
    private readonly dataDir: string,
    private readonly backups: boolean,
  ) {}

  start(): void {
    void this.refresh();
    this.timer = setInterval(() => void this.refresh(), REFRESH_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  checks(): readonly HealthCheck[] {
    return [
      backupCheck(this.backup, this.backups, Date.now()),
      clockSyncCheck(this.clockSynced),
      powerCheck(this.throttled),
    ];
  }

  private async refresh(): Promise<void> {
    const file = Bun.file(layout(this.dataDir).backupStatus);
    const text = await file.text().catch(() => undefined);
    this.backup = backupStatusOf(text);
    [this.clockSynced, this.throttled] = await Promise.all([readClockSynced(), readThrottled()]);
  }
}
