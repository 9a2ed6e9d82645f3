/** The executable on a real systemd, as a person installs it. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { BIN, envNumber, figure, until } from "../harness.ts";
import { SUITE } from "./debian.ts";
import { endlessLoop, holder, Machine, residentMb, whyNoMachine } from "./machine.ts";

const CRASHES = envNumber("DWBASE_CRASHES", 200);
/** Shorter than on a device, so that the test is. */
const WATCHDOG_S = 8;
const RAM_MB = 128;
const LOAD = 20_000;
const why = BIN === "" ? "set DWBASE_BIN to the built executable" : whyNoMachine();
const TEST_MS = 300_000;

describe.skipIf(why !== "")(why === "" ? "on systemd" : `on systemd (skipped: ${why})`, () => {
  setDefaultTimeout(TEST_MS);
  let machine: Machine;
  const ids: string[] = [];

  const remember = (text: string): void => {
    ids.push(machine.must("dwbase", "remember", "home", text, "--worker", "ann"));
  };
  /** Everything that was acknowledged is there, in order. */
  const expectAll = (): void => {
    const found = machine.must("dwbase", "replay", "home", "--json", "--limit", "100000");
    expect(JSON.parse(found).map(({ id }: { id: string }) => id)).toEqual(ids);
  };
  const isUp = (): boolean => machine.isUp();
  const again = (before: number) => (): boolean => {
    const now = machine.mainPid();
    return now !== 0 && now !== before && isUp();
  };

  beforeAll(async () => {
    machine = await Machine.boot();
  }, TEST_MS);
  afterAll(() => machine?.remove());

  test("installs, starts, remembers, answers and tells its health", async () => {
    machine.must("/root/dwbase", "install");
    machine.must("systemctl", "start", "dwbase");
    remember("The spare key is under the blue pot.");
    expect(machine.must("dwbase", "ask", "home", "where is the key")).toContain("under the blue pot");
    expect(machine.must("systemctl", "is-active", "dwbase")).toBe("active");
    expect(machine.must("systemctl", "show", "-P", "StatusText", "dwbase")).toContain("ready");
    machine.must("systemctl", "start", "dwbase-health");
    expect(JSON.parse(machine.must("cat", "/run/dwbase-health/status.json"))).toMatchObject({ state: "OK" });
    // nothing runs as root, and nobody else reads the memory
    expect(machine.must("ps", "-o", "user=", "-p", String(machine.mainPid()))).toBe("dwbase");
    expect(machine.must("stat", "-c", "%U %a", "/var/lib/dwbase/data")).toBe("dwbase 700");
    const score = /exposure level.*: ([\d.]+)/.exec(
      machine.must("systemd-analyze", "security", "dwbase"),
    )?.[1];
    expect(Number(score)).toBeLessThanOrEqual(1.5);
    figure(`systemd: installed and started in a booted Debian ${SUITE}, exposure ${score} (1.5 allowed)`);
  });

  test("takes secrets as credentials", () => {
    machine.write("/etc/dwbase/credentials/WW_ADMIN_API_KEY", "a-key-of-more-than-sixteen-characters\n");
    machine.must("systemctl", "restart", "dwbase");
    const log = machine.must("journalctl", "-u", "dwbase", "-o", "cat", "--no-pager");
    expect(log).toContain("WW_ADMIN_API_KEY");
    expect(log).not.toContain("a-key-of-more");
    expectAll();
  });

  test("reloads without a pause", () => {
    const pid = machine.mainPid();
    machine.must("systemctl", "reload", "dwbase");
    expect(machine.must("systemctl", "is-active", "dwbase")).toBe("active");
    expect(machine.mainPid()).toBe(pid);
  });

  test("comes up by itself after a reboot, with everything", async () => {
    remember("The meter is behind the stairs.");
    await machine.reboot();
    await until("the node is up", 30_000, isUp);
    expectAll();
  });

  test("keeps to the memory budget that its environment file names, whatever is imported", async () => {
    machine.write("/etc/dwbase/dwbase.env", `DWBASE_MAX_RAM_MB=${RAM_MB}\nBUN_BE_BUN=1\n`);
    machine.must("systemctl", "restart", "dwbase");
    await until("the node is up", 20_000, isUp);
    const lines = Array.from({ length: LOAD }, (_, n) =>
      JSON.stringify({
        world: "load",
        worker: "ann",
        kind: "observation",
        payload_json: `"shelf ${n} holds box ${n * 7}"`,
      }),
    );
    machine.write("/root/load.jsonl", `${lines.join("\n")}\n`);
    const [main] = machine.threads();
    const rss: number[] = [];
    const importing = machine.start("dwbase", "import", "/root/load.jsonl");
    while (importing.exitCode === null) {
      rss.push(residentMb(main!.tid));
      await Bun.sleep(100);
    }
    expect(importing.exitCode).toBe(0);
    const peak = Math.max(...rss);
    figure(
      `systemd: budget of ${RAM_MB} MB from dwbase.env, ${LOAD} memories imported: RSS peak ${peak.toFixed(1)} MB of ${rss.length} samples`,
    );
    expect(peak).toBeLessThanOrEqual(RAM_MB);
    expect(machine.must("dwbase", "list-worlds")).toContain("load");
    machine.must("dwbase", "world", "delete", "load", "--yes");
    machine.write("/etc/dwbase/dwbase.env", "");
    expectAll();
  });

  test("backs up to an attached volume by its timer's service", () => {
    machine.must("mkdir", "-p", "/media/usb");
    machine.must("mount", "-t", "tmpfs", "tmpfs", "/media/usb");
    machine.must("dwbase", "install", "--backup-target", "/media/usb");
    expect(machine.must("systemctl", "is-enabled", "dwbase-backup.timer")).toBe("enabled");
    machine.must("systemctl", "start", "dwbase-backup");
    const file = machine.must("sh", "-c", "ls /media/usb/*.tzst");
    expect(machine.must("dwbase", "backup", "verify", file)).toContain(`${ids.length} atoms`);
  });

  test(
    "a thread that hangs ends in a restart within the watchdog's time, and loses nothing",
    async () => {
      machine.write(
        "/etc/systemd/system/dwbase.service.d/test.conf",
        `[Service]\nWatchdogSec=${WATCHDOG_S}\nTimeoutAbortSec=1\nRestartSec=100ms\nRestartMaxDelaySec=200ms\n`,
      );
      machine.must("systemctl", "daemon-reload");
      machine.must("systemctl", "restart", "dwbase");
      const hold = holder();
      const held: string[] = [];
      const workers = machine.threads().filter(({ name }) => name.startsWith("Worker")).length;
      expect(workers).toBeGreaterThanOrEqual(2);
      // the writer stands still; then the main thread, and each thread of the engine, is in an endless loop
      const hangs = [
        { at: 1, loop: false },
        ...Array.from({ length: workers + 1 }, (_, at) => ({ at, loop: true })),
      ];
      for (const { at, loop } of hangs) {
        remember(`before thread ${at} hangs`);
        const before = machine.mainPid();
        const [main, ...others] = machine.threads();
        const thread = at === 0 ? main! : others.filter(({ name }) => name.startsWith("Worker"))[at - 1]!;
        const where = loop ? [endlessLoop(main!.tid)] : [];
        const began = performance.now();
        const child = Bun.spawn([hold, String(thread.tid), ...where], { stdin: "ignore", stdout: "pipe" });
        await until("the node is restarted", 60_000, again(before));
        const seconds = (performance.now() - began) / 1000;
        held.push(`${thread.name} ${loop ? "in a loop" : "still"} ${seconds.toFixed(1)} s`);
        // by the watchdog, not because it broke
        expect(seconds).toBeGreaterThan(WATCHDOG_S / 2);
        expect(seconds).toBeLessThan(WATCHDOG_S * 2 + 5);
        expect(await child.stdout.text()).toBe("held\n");
        child.kill("SIGKILL");
        await child.exited;
        expectAll();
      }
      figure(
        `watchdog of ${WATCHDOG_S} s: a thread hangs, and the node serves again after: ${held.join(", ")}`,
      );
    },
    TEST_MS,
  );

  test(
    `${CRASHES} crashes in a row: it runs after the last, with everything`,
    async () => {
      for (let n = 0; n < CRASHES; n++) {
        const before = machine.mainPid();
        if (n % 20 === 0) {
          await until("it serves", 20_000, isUp);
          remember(`before crash ${n}`);
        }
        machine.run("kill", "-9", String(before));
        await until("it runs again", 30_000, () => machine.mainPid() !== before && machine.hasBegun());
      }
      await until("it serves", 20_000, isUp);
      expectAll();
      expect(machine.must("systemctl", "show", "-P", "NRestarts", "dwbase")).toMatch(/^\d+$/);
      figure(
        `systemd: ${CRASHES} kills of the service, running after the last, ${ids.length} atoms all there`,
      );
    },
    TEST_MS,
  );

  test("an upgrade keeps configuration and memory, restarts the node, and can be taken back", async () => {
    // an older version: the same program behind a script
    machine.must("cp", "/root/dwbase", "/opt/dwbase-old");
    machine.must(
      "sh",
      "-c",
      "printf '#!/bin/sh\\nexec /opt/dwbase-old \"$@\"\\n' > /root/old && chmod 755 /root/old && mv /root/old /usr/local/bin/dwbase",
    );
    machine.must("systemctl", "restart", "dwbase");
    machine.must("sh", "-c", "echo '# mine' >> /etc/dwbase/dwbase.toml");
    const before = machine.mainPid();
    const out = machine.must("/root/dwbase", "install");
    expect(out).toContain("updated /usr/local/bin/dwbase");
    expect(machine.mainPid()).not.toBe(before);
    await until("it serves", 20_000, isUp);
    expect(machine.must("tail", "-1", "/etc/dwbase/dwbase.toml")).toBe("# mine");
    expectAll();
    machine.must("dwbase", "install", "--rollback");
    expect(machine.must("head", "-c", "9", "/usr/local/bin/dwbase")).toBe("#!/bin/sh");
    await until("it serves", 20_000, isUp);
    machine.must("/root/dwbase", "install");
    await until("it serves", 20_000, isUp);
    expectAll();
  });

  test("a panic TOTAL by shutdown stops it for good", async () => {
    const key = "a-key-of-more-than-sixteen-characters";
    machine.must("dwbase", "control", "panic", "TOTAL", "device test", "--source", "shutdown", "--key", key);
    await until("it is stopped", 20_000, () => machine.mainPid() === 0);
    await Bun.sleep(2000);
    expect(machine.run("systemctl", "is-active", "dwbase").out.trim()).not.toBe("active");
    machine.must("systemctl", "start", "dwbase");
    machine.must("dwbase", "control", "recover", "NONE", "--key", key);
    expectAll();
  });

  test("uninstalls and keeps the memory; a purge leaves nothing", () => {
    machine.must("dwbase", "uninstall");
    expect(machine.run("systemctl", "status", "dwbase").code).toBe(4);
    expect(machine.must("ls", "/var/lib/dwbase/data")).toContain("dwbase.db");
    machine.must("/root/dwbase", "install");
    machine.must("systemctl", "start", "dwbase");
    expectAll();
    machine.must("dwbase", "uninstall", "--purge");
    for (const path of ["/var/lib/dwbase", "/etc/dwbase", "/usr/local/bin/dwbase"])
      expect(machine.run("test", "-e", path).code).toBe(1);
    expect(machine.run("getent", "passwd", "dwbase").code).toBe(2);
  });
});
