/** Debian systems without anything of ours, made once for all runs on this machine. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mount, unmountBelow } from "../volumes.ts";

/** The release that the tests run on: Debian 12, or another by its name (trixie). */
export const SUITE = process.env.DWBASE_DEBIAN ?? "bookworm";
const CACHE = process.env.DWBASE_DEVICE_CACHE ?? join(tmpdir(), "dwbase-device");
const BINFMT = "/proc/sys/fs/binfmt_misc";
const QEMU = "/usr/bin/qemu-aarch64-static";
/** How the kernel knows an ARM program: the first bytes of its file, and which of them count. */
const ARM_ELF =
  String.raw`:qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00` +
  String.raw`:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:${QEMU}:OCF`;

/** The directory of a system for `arch` that has `packages`. @throws Error when debootstrap fails */
export function debianSystem(arch: "amd64" | "arm64", packages: string): string {
  const base = join(CACHE, `${SUITE}-${arch}`);
  if (existsSync(base)) return base;
  const temp = `${base}.tmp-${process.pid}`;
  mkdirSync(temp, { recursive: true });
  try {
    const foreign = arch === "arm64";
    const kind = ["--variant=minbase", `--include=${packages}`, `--arch=${arch}`];
    must("debootstrap", ...kind, ...(foreign ? ["--foreign"] : []), SUITE, temp, ...mirror());
    if (foreign) finishForeign(temp);
    unmountBelow(temp);
    renameSync(temp, base);
  } catch (cause) {
    unmountBelow(temp);
    rmSync(temp, { recursive: true, force: true });
    throw cause;
  }
  return base;
}

/** The second half of debootstrap runs programs of the other kind. */
function finishForeign(root: string): void {
  if (!existsSync(join(BINFMT, "register"))) mount("-t", "binfmt_misc", "binfmt_misc", BINFMT);
  if (!existsSync(join(BINFMT, "qemu-aarch64"))) writeFileSync(join(BINFMT, "register"), ARM_ELF);
  const inside = join(root, QEMU);
  // its initial RAM disk holds what this device needs: to look through every module takes a quarter of an hour
  mkdirSync(join(root, "etc/initramfs-tools/conf.d"), { recursive: true });
  writeFileSync(join(root, "etc/initramfs-tools/conf.d/modules"), "MODULES=list\n");
  writeFileSync(join(root, "etc/initramfs-tools/modules"), "virtio_pci\nvirtio_blk\next4\n");
  copyFileSync(QEMU, inside);
  chmodSync(inside, 0o755);
  must("chroot", root, "/debootstrap/debootstrap", "--second-stage");
  rmSync(inside);
}

/** Where this machine's own packages come from. */
function mirror(): string[] {
  for (const path of ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"]) {
    const found = existsSync(path)
      ? /https?:\/\/\S+\/debian\/?(?=\s|$)/m.exec(readFileSync(path, "utf8"))
      : null;
    if (found) return [found[0]];
  }
  return [];
}

/** Runs a command that must succeed. */
export function must(...command: string[]): string {
  const { success, stdout, stderr } = Bun.spawnSync(command, { stdin: "ignore" });
  const end = (text: Buffer) => text.toString().slice(-600);
  if (!success) throw new Error(`${command[0]} failed: ${end(stderr) || end(stdout)}`);
  return stdout.toString().trim();
}
