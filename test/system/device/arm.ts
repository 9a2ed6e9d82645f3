/** A whole ARM device under emulation: its own kernel, disks and network. It is slow, and dies like a device. */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { freePort, type Ran, scratch, until } from "../harness.ts";
import { mayMount, mount } from "../volumes.ts";
import { debianSystem, must } from "./debian.ts";

const PACKAGES = "systemd-sysv,dbus,iproute2,libstdc++6,udev,kmod,procps,linux-image-arm64";
const TOOLS = ["debootstrap", "qemu-system-aarch64", "qemu-aarch64-static", "mkfs.ext4"];
const DISK_BYTES = "3G";
const VOLUME_BYTES = "512M";
const BOOT_MS = 240_000;
const COMMAND_MS = 240_000;
/** A shell on a virtual serial port: commands come in, what they say goes out, without an echo. */
const SHELL_UNIT = `[Unit]
Description=a shell for the test
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh -c 'exec /bin/sh <>/dev/virtio-ports/shell >&0 2>&1'
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
`;
const NETWORK = `[Match]
Name=en*
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
`;

/** Why no such device can be had here, or "". */
export function whyNoDevice(): string {
  if (!mayMount()) return "needs root and mounts";
  const missing = TOOLS.filter((name) => !Bun.which(name));
  return missing.length === 0 ? "" : `needs ${missing.join(", ")}`;
}

export interface Model {
  /** As qemu names it. */
  cpu: string;
  memoryMb: number;
}

export class ArmDevice {
  /** Where its port 8080 is on this machine. */
  port = 0;
  private qemu: Bun.Subprocess | undefined;
  private shell: { write(data: string): number; end(): void } | undefined;
  private said = "";

  private constructor(
    private readonly dir: string,
    private readonly root: string,
    private readonly model: Model,
  ) {}

  /** Makes a card with a fresh system that has `binary` as /root/dwbase, and an empty volume beside it. */
  static make(model: Model, binary: string): ArmDevice {
    const root = debianSystem("arm64", PACKAGES);
    const dir = scratch();
    const device = new ArmDevice(dir, root, model);
    const [card, volume] = [device.disk("card"), device.disk("volume")];
    must("truncate", "-s", DISK_BYTES, card);
    must("mkfs.ext4", "-q", "-F", "-d", root, card);
    must("truncate", "-s", VOLUME_BYTES, volume);
    must("mkfs.ext4", "-q", "-F", volume);
    const mounted = join(dir, "mounted");
    mkdirSync(mounted);
    mount("-o", "loop", card, mounted);
    const file = (path: string, text: string) => {
      mkdirSync(dirname(join(mounted, path)), { recursive: true });
      writeFileSync(join(mounted, path), text);
    };
    cpSync(binary, join(mounted, "root/dwbase"));
    file("etc/systemd/system/test-shell.service", SHELL_UNIT);
    file("etc/systemd/network/80-test.network", NETWORK);
    file("etc/hostname", "pi\n");
    for (const unit of ["test-shell.service", "systemd-networkd.service"]) {
      must("systemctl", "--root", mounted, "enable", unit);
    }
    must("umount", mounted);
    return device;
  }

  private disk(name: string): string {
    return join(this.dir, `${name}.img`);
  }

  private boot(name: string): string {
    const dir = join(this.root, "boot");
    return join(dir, readdirSync(dir).find((file) => file.startsWith(name))!);
  }

  /** Switches it on. @returns seconds until its shell answered */
  async powerOn(): Promise<number> {
    const { cpu, memoryMb } = this.model;
    this.port = await freePort();
    const socket = join(this.dir, "shell.sock");
    rmSync(socket, { force: true });
    const drive = (name: string) => [
      "-drive",
      `file=${this.disk(name)},format=raw,if=virtio,cache=writeback`,
    ];
    const began = performance.now();
    this.qemu = Bun.spawn(
      [
        ...["qemu-system-aarch64", "-M", "virt", "-cpu", cpu, "-smp", "2", "-m", String(memoryMb)],
        ...["-kernel", this.boot("vmlinuz"), "-initrd", this.boot("initrd")],
        ...["-append", "root=/dev/vda rw console=ttyAMA0 quiet"],
        ...drive("card"),
        ...drive("volume"),
        ...["-netdev", `user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:${this.port}-:8080`],
        ...["-device", "virtio-net-pci,netdev=n0,romfile=", "-device", "virtio-serial-pci"],
        ...["-chardev", `socket,id=shell,path=${socket},server=on,wait=off`],
        ...["-device", "virtserialport,chardev=shell,name=shell"],
        ...["-display", "none", "-serial", `file:${join(this.dir, "console.log")}`, "-no-reboot"],
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "inherit" },
    );
    await until("the device has a serial port", BOOT_MS, () => existsSync(socket));
    await this.connect(socket);
    await until("the device is up", BOOT_MS, async () => {
      const { out } = await this.run("systemctl is-system-running", 5000).catch(() => ({ out: "" }));
      return /^(running|degraded)$/m.test(out);
    });
    return (performance.now() - began) / 1000;
  }

  private async connect(path: string): Promise<void> {
    this.said = "";
    this.shell = await Bun.connect({
      unix: path,
      socket: {
        data: (_, chunk) => {
          this.said += chunk.toString();
        },
      },
    });
  }

  /** Runs a command line on the device. @throws Error when it does not end in time */
  async run(command: string, ms = COMMAND_MS): Promise<Ran> {
    const mark = crypto.randomUUID();
    this.shell!.write(`( ${command} ) </dev/null; echo "${mark} $?"\n`);
    const end = new RegExp(`^${mark} (\\d+)$`, "m");
    await until(`"${command}" ends`, ms, () => end.test(this.said));
    const found = end.exec(this.said)!;
    const out = this.said.slice(0, found.index);
    this.said = this.said.slice(found.index + found[0].length + 1);
    return { code: Number(found[1]), out, err: out };
  }

  /** Runs a command line that must succeed. @returns what it said */
  async must(command: string): Promise<string> {
    const { code, out } = await this.run(command);
    if (code !== 0) throw new Error(`"${command}" ended with ${code}: ${out}`);
    return out.trim();
  }

  /** The power goes: what was not flushed to the card is gone. */
  async cutPower(): Promise<void> {
    this.qemu?.kill("SIGKILL");
    await this.qemu?.exited;
    this.shell?.end();
  }
}
