/** Doctor: what it makes of a machine. Every finding that is not good says what to do. */
import { describe, expect, test } from "bun:test";
import { MB } from "../../src/base/mod.ts";
import {
  type DoctorOptions,
  examine,
  type Finding,
  type Machine,
  mountOf,
  thisMachine,
} from "../../src/health/mod.ts";

const DIR = "/var/lib/dwbase";

interface Made {
  files?: Record<string, string>;
  links?: Record<string, string>;
  programs?: Record<string, string>;
  space?: { total: number; free: number };
}

const mounts = (type: string, options = "rw,noatime"): string =>
  `22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n30 22 179:2 / ${DIR} ${options} - ${type} /dev/mmcblk0p2 ${options}\n`;

function machine({ files = {}, links = {}, programs = {}, space }: Made): Machine {
  return {
    read: (path) => files[path],
    link: (path) => links[path],
    run: ([name]) => programs[name!],
    space: () => space,
  };
}

function find(made: Made, change: Partial<DoctorOptions> = {}): (name: string) => Finding {
  const findings = examine({
    machine: machine(made),
    dataDir: DIR,
    ramBudget: 128 * MB,
    diskBudget: 0,
    backup: { last_success_at: null, last_error: null },
    backups: false,
    now: 0,
    clockSane: true,
    throttled: undefined,
    clockSynced: undefined,
    libraryTrouble: undefined,
    ...change,
  });
  return (name) => findings.find((finding) => finding.name === name)!;
}

const on = (
  mountinfo: string,
  links: Record<string, string> = {},
  files: Record<string, string> = {},
): Made => ({
  files: { "/proc/self/mountinfo": mountinfo, ...files },
  links,
});

describe("the disk", () => {
  test("is told apart as SD card, spinning or solid-state", () => {
    const card = {
      "/sys/dev/block/179:2": "../../devices/platform/emmc2bus/mmc_host/mmc0/block/mmcblk0/mmcblk0p2",
    };
    expect(find(on(mounts("ext4"), card))("disk")).toMatchObject({
      status: "warning",
      message: expect.stringContaining("wears out"),
    });
    const ssd = { "/sys/dev/block/179:2": "../../devices/pci0000:00/block/sda/sda1" };
    const finding = find(on(mounts("ext4"), ssd, { "/sys/block/sda/queue/rotational": "0\n" }))("disk");
    expect(finding).toMatchObject({ status: "ok", message: expect.stringContaining("solid-state") });
    expect(find({})("disk").status).toBe("unknown");
  });

  test("that is nearly full is a warning", () => {
    expect(find({ space: { total: 1000 * MB, free: 50 * MB } })("space").status).toBe("warning");
    expect(find({ space: { total: 10_000 * MB, free: 5000 * MB } })("space").status).toBe("ok");
  });

  test("with a file system that loses data is critical, and says what to use", () => {
    for (const [type, word] of [
      ["vfat", "ext4"],
      ["tmpfs", "disk"],
      ["nfs4", "local"],
    ] as const) {
      expect(find(on(mounts(type)))("filesystem")).toMatchObject({
        status: "critical",
        message: expect.stringContaining(word),
      });
    }
    expect(find(on(mounts("ext4", "ro")))("filesystem").status).toBe("critical");
    expect(find(on(mounts("ext4", "rw,nobarrier")))("filesystem").status).toBe("warning");
    expect(find(on(mounts("ext4")))("filesystem")).toMatchObject({
      status: "ok",
      message: expect.stringContaining("noatime"),
    });
  });

  test("is that of the longest mount point, with blanks and lookalikes in names", () => {
    const text =
      "1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /media/my\\040disk rw - ext4 b rw\n3 1 8:3 / /media/my rw - xfs c rw\n";
    expect(mountOf("/media/my disk/data", text)?.source).toBe("b");
    expect(mountOf("/media/mydisk", text)?.source).toBe("a");
  });
});

test("the clock, limits of memory and pages", () => {
  expect(find({}, { clockSane: false })("clock").status).toBe("warning");
  expect(find({}, { clockSynced: false })("clock").status).toBe("warning");
  expect(find({}, { clockSynced: true })("clock").status).toBe("ok");
  expect(
    find({ files: { "/sys/fs/cgroup/cgroup.controllers": "cpu io pids" } })("memory_cgroup").message,
  ).toContain("watchdog");
  expect(find({ files: { "/proc/cgroups": "memory\t0\t80\t1\n" } })("memory_cgroup").message).toContain(
    "MemoryMax",
  );
  expect(
    find({ files: { "/proc/self/smaps": "KernelPageSize:       16 kB\n" } })("page_size").message,
  ).toContain("16 KB");
});

test("the native library, power and backups", () => {
  expect(find({})("native_library").status).toBe("unknown");
  expect(find({}, { libraryTrouble: "" })("native_library").status).toBe("ok");
  expect(find({}, { libraryTrouble: "noexec" })("native_library")).toMatchObject({
    status: "warning",
    message: expect.stringContaining("with exec"),
  });
  expect(find({}, { throttled: 1 })("power").status).toBe("warning");
  expect(find({}, { backups: true })("backup").status).toBe("warning");
});

test("the unit", () => {
  const unit = (text: string) => find({ programs: { systemctl: text } })("unit");
  expect(unit("LoadState=loaded\nActiveState=active\nNRestarts=0\nResult=success\n").status).toBe("ok");
  expect(unit("LoadState=loaded\nActiveState=active\nNRestarts=4\nResult=success\n").message).toContain(
    "4 times",
  );
  expect(unit("LoadState=loaded\nActiveState=failed\nNRestarts=0\nResult=exit-code\n")).toMatchObject({
    status: "critical",
    message: expect.stringContaining("journalctl"),
  });
  expect(unit("LoadState=not-found\nActiveState=inactive\n").message).toContain("dwbase install");
});

test("budgets that the machine cannot give", () => {
  const small = {
    files: { "/proc/meminfo": "MemAvailable:   90000 kB\n" },
    space: { total: 100 * MB, free: 50 * MB },
  };
  expect(find(small)("memory_budget")).toMatchObject({
    status: "warning",
    message: expect.stringContaining("max_ram_mb"),
  });
  expect(find(small, { diskBudget: 200 * MB })("disk_budget")).toMatchObject({
    status: "warning",
    message: expect.stringContaining("max_disk_mb"),
  });
  expect(find(small, { diskBudget: 64 * MB })("disk_budget").status).toBe("ok");
});

test("this very machine is examined without a fault", () => {
  const findings = find({}, { machine: thisMachine, dataDir: "/tmp" });
  expect(findings("filesystem").status).not.toBe("unknown");
  expect(findings("space").status).not.toBe("unknown");
});
