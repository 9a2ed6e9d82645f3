import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, Fault, fileFault } from "../base/mod.ts";

/** The mount points that a text in the form of /proc/self/mountinfo lists (proc(5): the fifth field, octal escapes). */
export function mountPoints(mountinfo: string): string[] {
  return mountinfo
    .split("\n")
    .map((line) => line.split(" ")[4])
    .filter((field) => field !== undefined)
    .map((field) =>
      field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    )
    .map((field) => Buffer.from(field, "latin1").toString("utf8"));
}

/** Whether something is mounted at a directory. A drive that is not plugged in leaves a plain directory behind. */
export function isMountPoint(dir: string): boolean {
  // looking at it first lets an automounter do its part
  const device = statSync(dir).dev;
  const real = realpathSync(dir);
  try {
    return mountPoints(readFileSync("/proc/self/mountinfo", "latin1")).includes(real);
  } catch {
    return real !== "/" && device !== statSync(dirname(real)).dev;
  }
}

/** @throws Fault not_found or storage_error unless `target` is a directory on which a volume is mounted */
export function requireMount(target: string): void {
  try {
    if (isMountPoint(target)) return;
  } catch (cause) {
    if (errnoOf(cause) !== "ENOENT") throw fileFault("look at", target, cause);
    throw new Fault(
      "not_found",
      `there is no directory ${target}; plug in and mount the volume of the backups`,
    );
  }
  throw new Fault(
    "storage_error",
    `nothing is mounted at ${target}; mount the volume of the backups there, or use the plain directory with --unmounted (backup.require_mount = false)`,
  );
}
