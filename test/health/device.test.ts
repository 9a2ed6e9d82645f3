/** Signs of the device: power, backups, the clock. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  backupCheck,
  checkStatusOf,
  clockSyncCheck,
  databaseCheck,
  noteCheck,
  powerCheck,
  readClockSynced,
  readThrottled,
} from "../../src/health/mod.ts";

const NOW = Date.UTC(2026, 5, 1);
const ago = (hours: number): string => new Date(NOW - hours * 3_600_000).toISOString();
const never = { last_success_at: null, last_error: null };

describe("backups", () => {
  test("none is worth a word only where some are expected", () => {
    expect(backupCheck(never, false, NOW).status).toBe("ok");
    expect(backupCheck(never, true, NOW)).toMatchObject({
      status: "warning",
      message: expect.stringContaining("dwbase backup"),
    });
  });
  test("an old one, and a failed one, are told", () => {
    const good = { last_success_at: ago(20), last_error: null };
    expect(backupCheck(good, true, NOW).status).toBe("ok");
    expect(backupCheck({ ...good, last_success_at: ago(60) }, true, NOW).status).toBe("warning");
    expect(backupCheck({ ...good, last_success_at: ago(60) }, false, NOW).status).toBe("ok");
    expect(backupCheck({ ...good, last_error: "the target is not mounted" }, true, NOW)).toMatchObject({
      status: "warning",
      message: expect.stringContaining("not mounted"),
    });
  });
});

describe("power", () => {
  test("what is wrong now is a warning that says what to do, what is over is mentioned", () => {
    expect(powerCheck(undefined).status).toBe("ok");
    expect(powerCheck(0)).toEqual({ name: "power", status: "ok", message: "power and temperature are good" });
    expect(powerCheck(0x50005)).toMatchObject({
      status: "warning",
      message: expect.stringContaining("power supply"),
    });
    expect(powerCheck(0x8)).toMatchObject({ status: "warning", message: expect.stringContaining("cool") });
    expect(powerCheck(0x50000)).toMatchObject({
      status: "ok",
      message: expect.stringContaining("since it started"),
    });
  });

  test("the firmware's flags are read where a Raspberry Pi has them", async () => {
    const platform = mkdtempSync(join(tmpdir(), "platform-"));
    expect(await readThrottled(platform)).toBeUndefined();
    mkdirSync(join(platform, "other", "soc:firmware"), { recursive: true });
    writeFileSync(join(platform, "other", "soc:firmware", "get_throttled"), "1\n");
    expect(await readThrottled(platform)).toBeUndefined();
    for (const path of [
      "soc/soc:firmware/get_throttled",
      "soc@107c000000/soc@107c000000:firmware/get_throttled",
      "soc:firmware/get_throttled",
      "soc/soc:firmware/throttled",
    ]) {
      const [dir, file] = [join(platform, path, ".."), join(platform, path)];
      mkdirSync(dir, { recursive: true });
      writeFileSync(file, "50005\n");
      expect([path, await readThrottled(platform)]).toEqual([path, 0x50005]);
      writeFileSync(file, "");
      expect(await readThrottled(platform)).toBeUndefined();
      rmSync(file);
    }
    rmSync(platform, { recursive: true });
    expect(await readThrottled(platform)).toBeUndefined();
  });
});

describe("the last check of the whole database", () => {
  const last = (dir: string) =>
    databaseCheck(checkStatusOf(readFileSync(join(dir, "check-status.json"), "utf8")));
  test("is told with its time; damage that it found is a warning that says what to do", () => {
    const dir = mkdtempSync(join(tmpdir(), "checked-"));
    expect(databaseCheck(undefined)).toMatchObject({
      status: "ok",
      message: expect.stringContaining("--deep"),
    });
    noteCheck(dir, { checked_at: ago(1), deep: true, findings: 0 });
    expect(last(dir)).toEqual({
      name: "database",
      status: "ok",
      message: `the deep check of ${ago(1)} found nothing`,
    });
    noteCheck(dir, { checked_at: ago(0), deep: false, findings: 2 });
    expect(last(dir)).toMatchObject({
      status: "warning",
      message: expect.stringContaining("dwbase storage repair"),
    });
    rmSync(dir, { recursive: true });
  });
  test("that cannot be read counts as none", () => {
    for (const text of [undefined, "", "{", "[]", "null", '{"checked_at":1}'])
      expect([text, checkStatusOf(text)]).toEqual([text, undefined]);
  });
});

test("the clock counts as set when systemd-timesyncd left its mark", async () => {
  const dir = mkdtempSync(join(tmpdir(), "timesync-"));
  expect(await readClockSynced(join(dir, "none"))).toBeUndefined();
  expect(await readClockSynced(dir)).toBe(false);
  writeFileSync(join(dir, "synchronized"), "");
  expect(await readClockSynced(dir)).toBe(true);
  rmSync(dir, { recursive: true });
  expect([undefined, false, true].map((synced) => clockSyncCheck(synced).status)).toEqual(["ok", "ok", "ok"]);
});
