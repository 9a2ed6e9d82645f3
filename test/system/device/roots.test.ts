/** The service on devices that keep their root file system read-only, or have no memory controller. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { BIN, until } from "../harness.ts";
import { Machine, whyNoMachine } from "./machine.ts";

const STATE = "/var/lib/dwbase";
const USB = "/media/usb";
const why = BIN === "" ? "set DWBASE_BIN to the built executable" : whyNoMachine();
const TEST_MS = 120_000;

describe.skipIf(why !== "")(why === "" ? "the service" : `the service (skipped: ${why})`, () => {
  setDefaultTimeout(TEST_MS);
  let machine: Machine;
  const ids: string[] = [];

  const remember = (text: string): void => {
    ids.push(machine.must("dwbase", "remember", "home", text));
  };
  const expectAll = (): void => {
    const found = JSON.parse(machine.must("dwbase", "replay", "home", "--json"));
    expect(found.map(({ id }: { id: string }) => id)).toEqual(ids);
  };
  const findings = (...as: string[]): { name: string; status: string; message: string }[] =>
    JSON.parse(machine.run(...as, "dwbase", "doctor", "--json").out).findings;

  beforeAll(async () => {
    machine = await Machine.boot([STATE, USB]);
    machine.must("/root/dwbase", "install", "--backup-target", USB);
    machine.must("systemctl", "start", "dwbase");
    remember("The spare key is under the blue pot.");
  }, TEST_MS);
  afterAll(() => machine?.remove());

  test("works under a read-only root, with its state directory alone to write to", async () => {
    await machine.reboot({ readOnly: true });
    expect(machine.run("touch", "/etc/dwbase/dwbase.toml").code).not.toBe(0);
    await until("the node is up", 30_000, () => machine.isUp());
    remember("The meter is behind the stairs.");
    expect(machine.must("dwbase", "ask", "home", "where is the meter")).toContain("behind the stairs");
    machine.must("systemctl", "start", "dwbase-backup");
    const file = machine.must("sh", "-c", `ls ${USB}/*.tzst`);
    expect(machine.must("dwbase", "backup", "verify", file)).toContain(`${ids.length} atoms`);
    machine.must("systemctl", "restart", "dwbase");
    await until("the node is up again", 30_000, () => machine.isUp());
    expectAll();
    machine.must("systemctl", "start", "dwbase-health");
    expect(JSON.parse(machine.must("cat", "/run/dwbase-health/status.json"))).toMatchObject({ state: "OK" });
    const as = ["setpriv", "--reuid=dwbase", "--clear-groups"];
    const bad = findings(...as).filter(({ status }) => status === "critical");
    // the test's own volume is one
    expect(bad).toMatchObject([{ name: "filesystem", message: expect.stringContaining("tmpfs") }]);
  });

  test("starts and keeps its budget where the kernel cannot: no memory controller, as on Raspberry Pi OS", async () => {
    await machine.reboot({ withoutMemoryCgroup: true });
    await until("the node is up", 30_000, () => machine.isUp());
    expect(machine.must("cat", "/sys/fs/cgroup/cgroup.controllers")).not.toContain("memory");
    expect(machine.must("systemctl", "show", "-P", "MemoryCurrent", "dwbase")).toBe("[not set]");
    remember("The shutter closes at nine.");
    expectAll();
    const cgroup = findings().find(({ name }) => name === "memory_cgroup");
    expect(cgroup).toMatchObject({
      status: "ok",
      message: expect.stringContaining("the watchdog of the node does"),
    });
  });

  test("nothing stored was harmed", () => {
    machine.must("systemctl", "stop", "dwbase");
    machine.must("dwbase", "storage", "check", "--deep", "--data-dir", `${STATE}/data`);
  });
});
