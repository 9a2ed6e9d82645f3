/** The Debian package on a real systemd: installed, upgraded, removed, purged. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { resolve } from "node:path";
import { BIN, until } from "../harness.ts";
import { Machine, whyNoMachine } from "./machine.ts";

/** The package for this processor, of scripts/package.sh. */
const DEB = process.env.DWBASE_DEB ? resolve(process.env.DWBASE_DEB) : "";
const FILE = "/root/dwbase.deb";
const CONFIG = "/etc/dwbase/dwbase.toml";
const why = BIN === "" || DEB === "" ? "set DWBASE_BIN and DWBASE_DEB" : whyNoMachine();
const TEST_MS = 120_000;

describe.skipIf(why !== "")(why === "" ? "the package" : `the package (skipped: ${why})`, () => {
  setDefaultTimeout(TEST_MS);
  let machine: Machine;
  const ids: string[] = [];

  const expectAll = async (): Promise<void> => {
    await until("it serves", 30_000, () => machine.isUp());
    const found = JSON.parse(machine.must("dwbase", "replay", "home", "--json"));
    expect(found.map(({ id }: { id: string }) => id)).toEqual(ids);
  };
  const enabled = (): string[] =>
    machine.must("systemctl", "is-enabled", "dwbase", "dwbase-health.timer").split("\n");
  const exists = (path: string): boolean => machine.run("test", "-e", path).code === 0;

  beforeAll(async () => {
    machine = await Machine.boot();
    machine.put(DEB, FILE);
  }, TEST_MS);
  afterAll(() => machine?.remove());

  test("installs a service that starts, for a user of its own", async () => {
    machine.must("dpkg", "--install", FILE);
    expect(machine.must("dpkg", "--verify", "dwbase")).toBe("");
    expect(enabled()).toEqual(["enabled", "enabled"]);
    machine.must("systemctl", "start", "dwbase");
    ids.push(machine.must("dwbase", "remember", "home", "The spare key is under the blue pot."));
    await expectAll();
    expect(machine.must("ps", "-o", "user=", "-p", String(machine.mainPid()))).toBe("dwbase");
    expect(machine.must("stat", "-c", "%U %a", "/var/lib/dwbase/data")).toBe("dwbase 700");
    expect(machine.must("stat", "-c", "%U %a", "/etc/dwbase/credentials")).toBe("root 700");
  });

  test("adds backups to a drive, and leaves what belongs to the package alone", async () => {
    machine.must("mkdir", "-p", "/media/usb");
    machine.must("mount", "-t", "tmpfs", "tmpfs", "/media/usb");
    const said = machine.must("dwbase", "install", "--backup-target", "/media/usb");
    expect(said.split("\n").filter((line) => /^(created|updated)/.test(line))).toEqual([
      "created /etc/systemd/system/dwbase-backup.service.d/target.conf",
      "created /etc/systemd/system/dwbase.service.d/target.conf",
    ]);
    expect(exists("/usr/local/bin/dwbase")).toBe(false);
    expect(machine.run("dwbase", "uninstall")).toMatchObject({
      code: 2,
      err: expect.stringContaining("apt remove dwbase"),
    });
    await until("the health asks for a backup", 30_000, () =>
      machine.run("dwbase", "health").out.includes("there is no backup yet"),
    );
    machine.must("systemctl", "start", "dwbase-backup");
    expect(machine.must("sh", "-c", "ls /media/usb/*.tzst | wc -l")).toBe("1");
    machine.must("systemctl", "restart", "dwbase");
  });

  test("an upgrade keeps configuration and memory, and starts the node anew", async () => {
    machine.must("sh", "-c", `echo '# mine' >> ${CONFIG}`);
    const before = machine.mainPid();
    machine.must("dpkg", "--install", FILE);
    await until("another process serves", 30_000, () => ![0, before].includes(machine.mainPid()));
    expect(machine.must("tail", "-1", CONFIG)).toBe("# mine");
    await expectAll();
  });

  test("removing it keeps configuration and memory, and it comes back with them", async () => {
    machine.must("dpkg", "--remove", "dwbase");
    expect(machine.run("systemctl", "status", "dwbase").code).toBe(4);
    expect([exists("/usr/bin/dwbase"), exists(CONFIG)]).toEqual([false, true]);
    expect(machine.must("ls", "/var/lib/dwbase/data")).toContain("dwbase.db");
    machine.must("dpkg", "--install", FILE);
    expect(enabled()).toEqual(["enabled", "enabled"]);
    machine.must("systemctl", "start", "dwbase");
    await expectAll();
    machine.must("systemctl", "stop", "dwbase");
    machine.must("dwbase", "storage", "check", "--deep", "--data-dir", "/var/lib/dwbase/data");
  });

  test("purging it leaves nothing", () => {
    machine.must("dpkg", "--purge", "dwbase");
    for (const path of ["/var/lib/dwbase", "/etc/dwbase", "/usr/bin/dwbase"])
      expect(exists(path)).toBe(false);
    expect(machine.must("find", "/etc/systemd/system", "-name", "dwbase*")).toBe("");
    expect(machine.run("systemctl", "list-unit-files", "--no-legend", "dwbase*").out).toBe("");
  });
});
