import { Fault } from "../base/mod.ts";

/** The device as an installation touches it beside files. */
export interface System {
  /** Whether commands act on this system, not on a directory that stands for another one. */
  live: boolean;
  /** Runs a command; its output goes nowhere. @returns whether it succeeded */
  try(command: string, ...args: string[]): boolean;
  /** @throws Fault storage_error with what the command said */
  run(command: string, ...args: string[]): void;
}

/** This device. */
export const thisSystem: System = {
  live: true,
  try: (command, ...args) => {
    if (!Bun.which(command)) return false;
    return Bun.spawnSync([command, ...args], { stdout: "ignore", stderr: "ignore" }).success;
  },
  run(command, ...args) {
    const found = Bun.which(command);
    const done = found ? Bun.spawnSync([found, ...args]) : undefined;
    if (done?.success) return;
    const why = done ? done.stderr.toString().trim() || `it ended with ${done.exitCode}` : "it is not there";
    throw new Fault("storage_error", `${[command, ...args].join(" ")} failed: ${why}`, { op: "install" });
  },
};

/** A directory that stands for a system that does not run (`--root`): commands are left for its first start. */
export const otherSystem: System = { live: false, try: () => true, run: () => {} };

/**
 * Refuses what the executable cannot serve, in words.
 * @throws Fault usage for a user space of 32 bits, a C library other than glibc, or too few rights
 */
export function requireSupported(system: System): void {
  if (!system.live) return;
  if (process.getuid?.() !== 0) {
    throw new Fault("usage", "dwbase install changes the system: run it as root (sudo dwbase install)");
  }
  const bits = output("getconf", "LONG_BIT");
  if (bits === "32") {
    throw new Fault(
      "usage",
      "this system has a 32-bit user space; dwbase needs a 64-bit one (Raspberry Pi OS 64-bit)",
    );
  }
  const libc = output("ldd", "--version");
  if (/musl/i.test(libc)) {
    throw new Fault(
      "usage",
      "this system has the C library musl; dwbase needs glibc (Debian, Raspberry Pi OS, Ubuntu)",
    );
  }
  if (!Bun.which("systemctl")) {
    throw new Fault("usage", "there is no systemd here; run `dwbase serve` under your own supervisor");
  }
}

function output(command: string, ...args: string[]): string {
  const found = Bun.which(command);
  if (!found) return "";
  const { stdout, stderr } = Bun.spawnSync([found, ...args]);
  return `${stdout}${stderr}`.trim();
}

/** Makes the service's user, who owns nothing but the memory. */
export function ensureUser(system: System, user: string, home: string): void {
  if (system.try("getent", "passwd", user)) return;
  system.run(
    "useradd",
    "--system",
    "--user-group",
    "--no-create-home",
    "--home-dir",
    home,
    "--shell",
    "/usr/sbin/nologin",
    user,
  );
}
