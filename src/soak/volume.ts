import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, fileFault, MB } from "../base/mod.ts";

/** Size of a volume of our own. */
const VOLUME_MB = 256;
const CHUNK = Buffer.alloc(MB / 4, 0x5a);

/** Where the node under test keeps its data: a small volume of its own where this user may mount one. */
export class Volume {
  private readonly filler: string;

  private constructor(
    readonly dir: string,
    /** Whether it is a file system of its own, and can so be filled without harm to anybody. */
    readonly own: boolean,
  ) {
    this.filler = join(dir, "filler");
  }

  /** @param dir an existing directory; it becomes the volume's mount point when `mount` is wanted and allowed */
  static make(dir: string, mount: boolean): Volume {
    const options = ["-t", "tmpfs", "-o", `size=${VOLUME_MB}m,mode=0700`, "dwbase-soak", dir];
    const own = mount && Bun.spawnSync(["mount", ...options], { stderr: "ignore" }).success;
    return new Volume(dir, own);
  }

  get name(): string {
    return this.own ? `a volume of ${VOLUME_MB} MB` : "the disk budget";
  }

  /** The directory for something on it. */
  under(name: string): string {
    const path = join(this.dir, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Leaves no byte free. */
  async fill(): Promise<void> {
    const fd = openSync(this.filler, "a");
    try {
      for (let size = CHUNK.length; size >= 1; ) {
        try {
          if (writeSync(fd, CHUNK, 0, size) < size) size = Math.floor(size / 2);
        } catch (cause) {
          if (errnoOf(cause) !== "ENOSPC") throw fileFault("fill", this.filler, cause);
          size = Math.floor(size / 2);
        }
        await Bun.sleep(0);
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Gives the space back. */
  async empty(): Promise<void> {
    rmSync(this.filler, { force: true });
  }

  usedBytes(): number {
    const disk = statfsSync(this.dir);
    return (disk.blocks - disk.bfree) * disk.bsize;
  }

  remove(): void {
    if (this.own) Bun.spawnSync(["umount", "-l", this.dir], { stderr: "ignore" });
  }
}
