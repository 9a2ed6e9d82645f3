import { mkdtempSync, readFileSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** @throws Error what mount said */
export function mount(...args: string[]): void {
  const { success, stderr } = Bun.spawnSync(["mount", ...args]);
  if (!success) throw new Error(stderr.toString());
}

export function unmount(dir: string): void {
  Bun.spawnSync(["umount", "-l", dir]);
}

/** Unmounts all that is mounted below a directory, so that deleting it deletes nothing else. */
export function unmountBelow(dir: string): void {
  const mounted = readFileSync("/proc/self/mounts", "latin1")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${dir}/`));
  for (const path of mounted.reverse()) unmount(path);
}

/** Whether this user may mount volumes. */
export function mayMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  const dir = mkdtempSync(join(tmpdir(), "dwbase-mount-"));
  const { success } = Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", dir], { stderr: "ignore" });
  if (success) unmount(dir);
  rmdirSync(dir);
  return success;
}
