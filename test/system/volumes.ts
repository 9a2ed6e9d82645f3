import { mkdtempSync, rmdirSync } from "node:fs";
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

/** Whether this user may mount volumes. */
export function mayMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  const dir = mkdtempSync(join(tmpdir(), "dwbase-mount-"));
  const { success } = Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", dir], { stderr: "ignore" });
  if (success) unmount(dir);
  rmdirSync(dir);
  return success;
}
