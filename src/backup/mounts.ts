import { realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, Fault, fileFault } from "../base/mod.ts";

/**
 * Whether a volume is mounted at a directory. A drive that is not plugged in leaves a plain directory behind. The kernel's
 * list of mounts is no help: a service's sandbox mounts each writable directory over itself.
 */
export function isMountPoint(dir: string): boolean {
  const real = realpathSync(dir);
  // looking at the directory itself lets an automounter do its part
  return real === "/" || statSync(real).dev !== statSync(dirname(real)).dev;
}

/** @throws Fault not_found or storage_error unless `target` is a directory at which a volume is mounted */
export function requireMount(target: string): void {
  try {
    if (isMountPoint(target)) return;
  } catch (cause) {
    if (errnoOf(cause) !== "ENOENT") throw fileFault("look at", target, cause);
    throw new Fault("not_found", `there is no directory ${target}; plug in and mount the backup volume`);
  }
  throw new Fault(
    "storage_error",
    `nothing is mounted at ${target}; mount the backup volume there, or say that any directory will do: --unmounted, or backup.require_mount = false`,
  );
}
