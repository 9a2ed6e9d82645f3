import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HealthCheck } from "../engine/mod.ts";

/** What a backup's status file tells, as far as the checks need it. */
export interface BackupFacts {
  last_success_at: string | null;
  last_error: string | null;
}

/** A backup is overdue when the last good one is older than this, and a target is set. */
const OVERDUE_MS = 2 * 24 * 3600 * 1000;

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return undefined;
  }
}

const PLATFORM = "/sys/devices/platform";
/** The firmware's file: as the kernel of Raspberry Pi OS names it, and as others do. */
const THROTTLED = ["get_throttled", "throttled"];
const TIMESYNC = "/run/systemd/timesync";

async function namesIn(dir: string): Promise<string[] | undefined> {
  try {
    return await readdir(dir);
  } catch {
    return undefined;
  }
}

/**
 * The firmware's flags (https://www.raspberrypi.com/documentation/computers/os.html#get_throttled), of
 * /sys/devices/platform/soc…/…:firmware.
 */
export async function readThrottled(platform = PLATFORM): Promise<number | undefined> {
  for (const soc of ((await namesIn(platform)) ?? []).filter((name) => name.startsWith("soc"))) {
    for (const part of ["", ...((await namesIn(join(platform, soc))) ?? [])]) {
      for (const file of THROTTLED) {
        const flags = Number.parseInt((await textOf(join(platform, soc, part, file))) ?? "", 16);
        if (!Number.isNaN(flags)) return flags;
      }
    }
  }
  return undefined;
}

/** Whether systemd-timesyncd has set the clock since the start of the device. */
export async function readClockSynced(dir = TIMESYNC): Promise<boolean | undefined> {
  return (await namesIn(dir))?.includes("synchronized");
}

const NOW: readonly [bit: number, what: string][] = [
  [0, "under-voltage: use a stronger power supply and a shorter cable"],
  [2, "throttled: cool the device or use a stronger power supply"],
  [3, "near its temperature limit: cool the device"],
];

export function powerCheck(throttled: number | undefined): HealthCheck {
  const name = "power";
  if (throttled === undefined)
    return { name, status: "ok", message: "this machine tells nothing of its power" };
  const now = NOW.find(([bit]) => (throttled >> bit) & 1)?.[1];
  if (now) return { name, status: "warning", message: `the device is ${now}` };
  const before = throttled >> 16 === 0 ? "" : "; it was throttled or under-voltage since it started";
  return { name, status: "ok", message: `power and temperature are good${before}` };
}

/** @param expected backups are configured, so that none or an old one is worth a word */
export function backupCheck(backup: BackupFacts, expected: boolean, now: number): HealthCheck {
  const name = "backup";
  if (backup.last_error !== null) {
    return { name, status: "warning", message: `the last backup failed: ${backup.last_error}` };
  }
  if (backup.last_success_at === null) {
    const message = expected
      ? "there is no backup yet; run dwbase backup"
      : "no backups are configured (backup.target)";
    return { name, status: expected ? "warning" : "ok", message };
  }
  const late = expected && now - Date.parse(backup.last_success_at) > OVERDUE_MS;
  const when = `the last good backup is of ${backup.last_success_at}`;
  return late
    ? { name, status: "warning", message: `${when}; look at the timer and the target` }
    : { name, status: "ok", message: when };
}

export function clockSyncCheck(synced: boolean | undefined): HealthCheck {
  const name = "clock_sync";
  if (synced === undefined)
    return { name, status: "ok", message: "this machine does not tell whether its clock is set" };
  return {
    name,
    status: "ok",
    message: synced
      ? "the clock was set by a time server"
      : "no time server has set the clock since the start",
  };
}
