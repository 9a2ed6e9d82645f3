import { MB } from "../base/mod.ts";
import type { HealthCheck } from "../engine/mod.ts";
import { type BackupFacts, backupCheck, powerCheck } from "./device.ts";
import { diskKind, type Machine, type Mount, mountOf } from "./machine.ts";

/** A finding of doctor; unknown = the machine does not tell. */
export interface Finding extends Omit<HealthCheck, "status"> {
  status: HealthCheck["status"] | "unknown";
}

export interface DoctorOptions {
  machine: Machine;
  /** Absolute. */
  dataDir: string;
  /** Bytes; disk 0 = a part of the volume. */
  ramBudget: number;
  diskBudget: number;
  backup: BackupFacts;
  /** A backup target is configured. */
  backups: boolean;
  now: number;
  /** The clock is past the build date. */
  clockSane: boolean;
  throttled: number | undefined;
  clockSynced: boolean | undefined;
  /** Why the native library cannot be loaded from the data directory, "" when it can, undefined when not tried. */
  libraryTrouble: string | undefined;
}

/** Free space under which a disk is nearly full. */
const FREE_PART = 0.1;
const FREE_BYTES = 256 * MB;

type Look = (options: DoctorOptions, mount: Mount | undefined) => Finding;

const ok = (name: string, message: string): Finding => ({ name, status: "ok", message });
const warning = (name: string, message: string): Finding => ({ name, status: "warning", message });
const critical = (name: string, message: string): Finding => ({ name, status: "critical", message });
const unknown = (name: string, message: string): Finding => ({ name, status: "unknown", message });

const disk: Look = ({ machine, dataDir }, mount) => {
  const kind = mount && diskKind(mount, machine);
  if (kind === undefined) return unknown("disk", `the kind of disk under ${dataDir} is not told`);
  return kind === "SD card"
    ? warning(
        "disk",
        `${dataDir} is on an SD card, which wears out: write in batches, keep backups elsewhere, or use a USB disk`,
      )
    : ok("disk", `${dataDir} is on a ${kind}`);
};

const space: Look = ({ machine, dataDir }) => {
  const found = machine.space(dataDir);
  if (!found) return unknown("space", `the free space of ${dataDir} cannot be read`);
  const text = `${Math.floor(found.free / MB)} MB of ${Math.floor(found.total / MB)} MB are free`;
  return found.free < FREE_BYTES || found.free < found.total * FREE_PART
    ? warning("space", `only ${text}; free some space or move the data directory`)
    : ok("space", text);
};

const WEAK = new Set(["vfat", "exfat", "msdos", "ntfs", "ntfs3", "fuseblk"]);
const REMOTE = new Set(["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"]);

const filesystem: Look = ({ dataDir }, mount) => {
  const name = "filesystem";
  if (!mount) return unknown(name, "the mount of the data directory cannot be found");
  const { type, point, options } = mount;
  if (options.includes("ro"))
    return critical(name, `${point} is mounted read-only; remount it or look at the kernel log`);
  if (type === "tmpfs")
    return critical(name, `${dataDir} lies in memory (tmpfs) and is lost at a restart; move it to a disk`);
  if (WEAK.has(type))
    return critical(name, `${point} is ${type}, which does not survive power cuts; use ext4`);
  if (REMOTE.has(type))
    return critical(
      name,
      `${point} is ${type}: locks and fsync are not to be trusted there; use a local disk`,
    );
  const unsafe = options.filter((option) => ["nobarrier", "barrier=0", "data=writeback"].includes(option));
  if (unsafe.length > 0)
    return warning(
      name,
      `${point} is mounted with ${unsafe.join(", ")}: a power cut may lose data; remove that from /etc/fstab`,
    );
  return ok(name, `${type} at ${point}${options.includes("noatime") ? ", noatime" : ""}`);
};

const clock: Look = ({ clockSane, clockSynced }) => {
  if (!clockSane)
    return warning(
      "clock",
      "the clock is behind the build of this program; set it, or wait for a time server",
    );
  if (clockSynced === undefined)
    return unknown("clock", "the clock is plausible; whether a time server set it is not told");
  return clockSynced
    ? ok("clock", "a time server has set the clock")
    : warning(
        "clock",
        "no time server has set the clock since the start; retention by age needs a right clock",
      );
};

const cgroup: Look = ({ machine }) => {
  const name = "memory_cgroup";
  // with one hierarchy, which has this file at its root, the list of the old ones tells only what was compiled in
  const controllers = machine.read("/sys/fs/cgroup/cgroup.controllers");
  const old = /^memory\s+\d+\s+\d+\s+1$/m.test(machine.read("/proc/cgroups") ?? "");
  if (controllers?.split(/\s+/).includes("memory") ?? old) {
    return ok(name, "the kernel can enforce MemoryMax, as a second line behind the watchdog");
  }
  return ok(
    name,
    "the kernel does not enforce memory limits (as on stock Raspberry Pi OS); the watchdog of the node does",
  );
};

const pageSize: Look = ({ machine }) => {
  const kb = /^KernelPageSize:\s+(\d+) kB/m.exec(machine.read("/proc/self/smaps") ?? "")?.[1];
  return kb === undefined
    ? unknown("page_size", "the page size of the kernel is not told")
    : ok("page_size", `pages of the kernel have ${kb} KB`);
};

const library: Look = ({ libraryTrouble }) => {
  const name = "native_library";
  if (libraryTrouble === undefined)
    return unknown(name, "run doctor as the user of the node to try the vector library");
  return libraryTrouble === ""
    ? ok(name, "the vector library loads from the data directory")
    : warning(
        name,
        `${libraryTrouble}; mount the data directory with exec, or update to glibc 2.34 or newer`,
      );
};

const unit: Look = ({ machine }) => {
  const name = "unit";
  const shown = machine.run([
    "systemctl",
    "show",
    "dwbase.service",
    "-p",
    "LoadState,ActiveState,NRestarts,Result",
  ]);
  const of = (key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(shown ?? "")?.[1] ?? "";
  if (shown === undefined || of("LoadState") !== "loaded")
    return unknown(name, "no unit dwbase.service; dwbase install makes one");
  const state = of("ActiveState");
  if (state !== "active")
    return critical(name, `dwbase.service is ${state} (${of("Result")}); see journalctl -u dwbase`);
  const restarts = Number(of("NRestarts"));
  return restarts > 0
    ? warning(name, `dwbase.service was started again ${restarts} times; journalctl -u dwbase tells why`)
    : ok(name, "dwbase.service is active");
};

const ram: Look = ({ machine, ramBudget }) => {
  const name = "memory_budget";
  const available =
    Number(/^MemAvailable:\s+(\d+) kB/m.exec(machine.read("/proc/meminfo") ?? "")?.[1] ?? Number.NaN) * 1024;
  const mb = Math.floor(ramBudget / MB);
  if (Number.isNaN(available))
    return unknown(name, `the budget is ${mb} MB; what the machine has free is not told`);
  return available < ramBudget
    ? warning(
        name,
        `the budget of ${mb} MB is more than the ${Math.floor(available / MB)} MB that are available; lower node.limits.max_ram_mb`,
      )
    : ok(name, `${mb} MB, and ${Math.floor(available / MB)} MB are available`);
};

const diskBudget: Look = ({ machine, dataDir, diskBudget: budget }) => {
  const name = "disk_budget";
  const total = machine.space(dataDir)?.total;
  if (budget === 0) return ok(name, "80 % of the volume (node.limits.max_disk_mb is not set)");
  const mb = Math.floor(budget / MB);
  return total !== undefined && budget > total
    ? warning(name, `${mb} MB are more than the volume has; lower node.limits.max_disk_mb`)
    : ok(name, `${mb} MB`);
};

const LOOKS: readonly Look[] = [
  disk,
  space,
  filesystem,
  clock,
  cgroup,
  pageSize,
  library,
  ({ throttled }) => powerCheck(throttled),
  unit,
  ({ backup, backups, now }) => backupCheck(backup, backups, now),
  ram,
  diskBudget,
];

/** Looks at a machine as a home of the node. Each finding says what to do. */
export function examine(options: DoctorOptions): Finding[] {
  const mount = mountOf(options.dataDir, options.machine.read("/proc/self/mountinfo") ?? "");
  return LOOKS.map((look) => look(options, mount));
}
