import { type BackupStatus, backupStatusOf } from "../backup/mod.ts";
import { layout } from "../base/mod.ts";
import type { HealthCheck } from "../engine/mod.ts";
import {
  backupCheck,
  type CheckStatus,
  checkStatusOf,
  clockSyncCheck,
  databaseCheck,
  powerCheck,
  readClockSynced,
  readThrottled,
} from "../health/mod.ts";

/** The device's own signs change slowly. */
const REFRESH_MS = 30_000;

/** What is known of the device beside the node: read off the main thread, now and then, and kept. */
export class DeviceWatch {
  backup: BackupStatus = backupStatusOf(undefined);
  private checked: CheckStatus | undefined;
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
      databaseCheck(this.checked),
      clockSyncCheck(this.clockSynced),
      powerCheck(this.throttled),
    ];
  }

  private async refresh(): Promise<void> {
    const { backupStatus, checkStatus } = layout(this.dataDir);
    const textOf = (path: string) =>
      Bun.file(path)
        .text()
        .catch(() => undefined);
    const [backup, checked] = await Promise.all([textOf(backupStatus), textOf(checkStatus)]);
    this.backup = backupStatusOf(backup);
    this.checked = checkStatusOf(checked);
    [this.clockSynced, this.throttled] = await Promise.all([readClockSynced(), readThrottled()]);
  }
}
