import { readFileSync, readlinkSync, statfsSync } from "node:fs";
import { dirname } from "node:path";

/** What doctor looks at of a machine; tests put a made-up one in its place. */
export interface Machine {
  /** Content of a file of /proc, /sys or /run; undefined when there is none. */
  read(path: string): string | undefined;
  /** Target of a symbolic link. */
  link(path: string): string | undefined;
  /** What a program says on stdout, at most a second long; undefined when it is not there or fails. */
  run(command: readonly string[]): string | undefined;
  /** Bytes of the volume of a path. */
  space(path: string): { total: number; free: number } | undefined;
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

const RUN_MS = 2000;

export const thisMachine: Machine = {
  read: (path) => attempt(() => readFileSync(path, "utf8")),
  link: (path) => attempt(() => readlinkSync(path)),
  run: (command) =>
    attempt(() => {
      const { success, stdout } = Bun.spawnSync([...command], { stderr: "ignore", timeout: RUN_MS });
      if (!success) throw new Error("it failed");
      return stdout.toString();
    }),
  space(path) {
    // a data directory that is yet to be made will lie where its parent does
    for (let at = path; ; at = dirname(at)) {
      const found = attempt(() => statfsSync(at));
      if (found) return { total: found.blocks * found.bsize, free: found.bavail * found.bsize };
      if (at === dirname(at)) return undefined;
    }
  },
};

export interface Mount {
  point: string;
  type: string;
  source: string;
  options: string[];
  /** major:minor */
  device: string;
}

/** The mount that holds a path, from the text of /proc/self/mountinfo. */
export function mountOf(path: string, mountinfo: string): Mount | undefined {
  let best: Mount | undefined;
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const [, , device = "", , escaped, own = ""] = left.split(" ");
    const [type = "", source = "", all = ""] = right.split(" ");
    if (escaped === undefined) continue;
    const point = escaped.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
    const inside = path === point || path.startsWith(point === "/" ? "/" : `${point}/`);
    if (!inside || (best && point.length < best.point.length)) continue;
    best = { point, type, source, device, options: [...own.split(","), ...all.split(",")] };
  }
  return best;
}

/** What kind of disk a mount lies on, as far as /sys tells. */
export function diskKind(
  mount: Mount,
  machine: Machine,
): "SD card" | "spinning disk" | "solid-state disk" | undefined {
  const parts = machine.link(`/sys/dev/block/${mount.device}`)?.split("/") ?? [];
  const disk = parts[parts.indexOf("block") + 1];
  if (parts.length === 0 || disk === undefined) return undefined;
  if (disk.startsWith("mmcblk")) return "SD card";
  const rotational = machine.read(`/sys/block/${disk}/queue/rotational`)?.trim();
  if (rotational === undefined) return undefined;
  return rotational === "1" ? "spinning disk" : "solid-state disk";
}
