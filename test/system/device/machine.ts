/** A Debian system with systemd in a container that boots: what a device does, as far as no other kernel is needed. */
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BIN, type Ran, scratch, until } from "../harness.ts";
import { mayMount, mount, unmount } from "../volumes.ts";
import { debianSystem, SUITE } from "./debian.ts";

const PACKAGES = "systemd-sysv,dbus,libstdc++6,iproute2,procps";
const BOOT_MS = 60_000;

/** Why no such machine can be had here, or "". */
export function whyNoMachine(): string {
  if (process.arch !== "x64") return "x86-64 only";
  if (!mayMount()) return "needs root and mounts";
  const missing = ["debootstrap", "systemd-nspawn", "nsenter", "gcc"].filter((name) => !Bun.which(name));
  return missing.length === 0 ? "" : `needs ${missing.join(", ")}`;
}

/** x86-64's jump to itself. */
const JUMP_TO_ITSELF = Buffer.from([0xeb, 0xfe]);

/** @returns where a process has an instruction that jumps to itself, in hexadecimal */
export function endlessLoop(pid: number): string {
  const code = readFileSync(`/proc/${pid}/maps`, "latin1")
    .split("\n")
    .filter((line) => / r-xp .*\/(libc\.so\.6|dwbase)$/.test(line));
  const fd = openSync(`/proc/${pid}/mem`, "r");
  try {
    for (const line of code) {
      const [start, end] = line
        .split(" ")[0]!
        .split("-")
        .map((hex) => Number.parseInt(hex, 16)) as [number, number];
      const bytes = Buffer.alloc(end - start);
      const at = bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, start)).indexOf(JUMP_TO_ITSELF);
      if (at >= 0) return (start + at).toString(16);
    }
  } finally {
    closeSync(fd);
  }
  throw new Error("no instruction that jumps to itself");
}

/** Resident memory of a process, in MB. */
export function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) / 1024;
}

/** Compiles the program that makes a thread hang. */
export function holder(): string {
  const program = join(scratch(), "hold");
  const built = Bun.spawnSync(["gcc", "-O1", "-Wall", "-o", program, join(import.meta.dir, "hold.c")]);
  if (!built.success) throw new Error(built.stderr.toString());
  return program;
}

/** How a machine is started. */
export interface Power {
  /** The root file system is mounted read-only. */
  readOnly?: boolean;
  /** The kernel has no memory controller, as on stock Raspberry Pi OS. */
  withoutMemoryCgroup?: boolean;
}

/** The hierarchy in which this machine may have its memory controller; systemd 256 and later take it no more. */
const OLD_HIERARCHY = "systemd.unified_cgroup_hierarchy=0";

const LOGIN = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root" };

export class Machine {
  private leader = 0;

  private nspawn: Bun.Subprocess;

  private constructor(
    private readonly dir: string,
    private readonly root: string,
    /** Directories inside that are volumes of their own. */
    private readonly volumes: readonly string[],
  ) {
    this.nspawn = this.powerOn();
  }

  private powerOn({
    readOnly = false,
    withoutMemoryCgroup = SUITE !== "bookworm",
  }: Power = {}): Bun.Subprocess {
    const flags = ["--quiet", "--boot", "--register=no", "--keep-unit", "--private-network"];
    for (const path of this.volumes) {
      const volume = join(this.dir, "volumes", path);
      mkdirSync(volume, { recursive: true });
      flags.push(`--bind=${volume}:${path}`);
    }
    if (readOnly) flags.push("--read-only");
    // the new hierarchy has the controllers that the old one leaves to it, and memory is not among them
    const env = { ...process.env, ...(withoutMemoryCgroup ? { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" } : {}) };
    const args = withoutMemoryCgroup ? [] : [OLD_HIERARCHY];
    return Bun.spawn(["systemd-nspawn", ...flags, "-D", this.root, ...args], {
      env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
  }

  /**
   * Boots a fresh system that has the executable under test as /root/dwbase, without a network.
   * @param volumes directories that are volumes of their own
   */
  static async boot(volumes: readonly string[] = []): Promise<Machine> {
    const base = debianSystem("amd64", PACKAGES);
    const dir = scratch();
    const [upper, work, root] = ["upper", "work", "root"].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ];
    mount("-t", "tmpfs", "tmpfs", dir);
    for (const path of [upper, work, root]) mkdirSync(path);
    mount("-t", "overlay", "overlay", "-o", `lowerdir=${base},upperdir=${upper},workdir=${work}`, root);
    cpSync(BIN, join(root, "root/dwbase"));
    writeFileSync(join(root, "etc/resolv.conf"), "");
    const machine = new Machine(dir, root, volumes);
    await machine.up();
    return machine;
  }

  /** Waits until the system has booted. */
  async up(): Promise<void> {
    await until("the machine is up", BOOT_MS, () => {
      const found = Bun.spawnSync(["pgrep", "-P", String(this.nspawn.pid)])
        .stdout.toString()
        .trim()
        .split("\n")[0];
      this.leader = Number(found);
      if (!(this.leader > 0)) return false;
      const state = this.run("systemctl", "is-system-running").out.trim();
      return state === "running" || state === "degraded";
    });
  }

  /** Runs a command inside, with the environment of a login. */
  run(...command: string[]): Ran {
    const { exitCode, stdout, stderr } = Bun.spawnSync(this.inside(command), { env: LOGIN });
    return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
  }

  private inside(command: string[]): string[] {
    const enter = ["nsenter", "-t", String(this.leader), "-m", "-u", "-i", "-n", "-p", "--wdns=/root", "--"];
    return [...enter, ...command];
  }

  /** Starts a command inside, whose output goes nowhere. */
  start(...command: string[]): Bun.Subprocess {
    return Bun.spawn(this.inside(command), {
      env: LOGIN,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
  }

  /** Runs a command that must succeed. @returns its output */
  must(...command: string[]): string {
    const { code, out, err } = this.run(...command);
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${err || out}`);
    return out.trim();
  }

  /** Copies a file of this machine into it. */
  put(from: string, path: string): void {
    cpSync(from, join(this.root, path));
  }

  write(path: string, text: string): void {
    const [file, dir] = [join(this.root, path), join(this.root, path, "..")];
    mkdirSync(dir, { recursive: true });
    writeFileSync(file, text);
  }

  /** Whether the node's threads answer. */
  isUp(): boolean {
    return this.run("dwbase", "list-worlds").code === 0;
  }

  /** PID inside of the service's process; 0 = none. */
  mainPid(): number {
    return Number(this.run("systemctl", "show", "-P", "MainPID", "dwbase").out.trim());
  }

  /** Whether the service's process runs the executable, and is not still on its way there. */
  hasBegun(): boolean {
    return this.run("cat", `/proc/${this.mainPid()}/comm`).out === "dwbase\n";
  }

  /** Threads of the service by name, as this machine's kernel numbers them outside. */
  threads(): { tid: number; name: string }[] {
    const inside = this.mainPid();
    const found = Bun.spawnSync([
      "grep",
      "-lE",
      `^NSpid:.*\\s${inside}$`,
      "-r",
      "/proc",
      "--include=status",
      "-s",
    ]);
    const outer = found.stdout
      .toString()
      .split("\n")
      .map((path) => /^\/proc\/(\d+)\/status$/.exec(path)?.[1])
      .find((pid) => pid !== undefined && readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("dwbase"));
    const listed = Bun.spawnSync(["ps", "-L", "-o", "tid=,comm=", "-p", String(outer)]).stdout.toString();
    return listed
      .trim()
      .split("\n")
      .map((line) => {
        const [tid, ...name] = line.trim().split(/\s+/);
        return { tid: Number(tid), name: name.join(" ") };
      });
  }

  /** A reboot: the container ends and is started again. */
  async reboot(power: Power = {}): Promise<void> {
    this.run("systemctl", "reboot");
    await this.nspawn.exited;
    this.nspawn = this.powerOn(power);
    await this.up();
  }

  async remove(): Promise<void> {
    // all that runs inside ends with its first process, and would not with the program that started it
    Bun.spawnSync(["kill", "-KILL", String(this.leader)]);
    this.nspawn.kill("SIGKILL");
    await this.nspawn.exited;
    unmount(this.root);
    unmount(this.dir);
  }
}
