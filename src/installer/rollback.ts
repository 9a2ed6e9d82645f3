import { copyFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fault, fileCalls, fileFault, fsyncDir } from "../base/mod.ts";
import { requireSupported, thisSystem } from "./system.ts";

/**
 * Goes back to the executable that the last installation replaced, which is kept as the previous one in turn.
 * @returns the executable's path
 * @throws Fault not_found when there is none, usage, storage_error
 */
export function rollback(prefix: string, root: string): string {
  const system = { ...thisSystem, live: root === "" };
  requireSupported(system);
  const binary = join(prefix, "bin/dwbase");
  const path = join(root || "/", binary);
  const previous = `${path}.previous`;
  if (!existsSync(previous)) {
    throw new Fault("not_found", `there is no ${previous}: no installation has replaced an executable here`);
  }
  try {
    copyFileSync(path, `${previous}.new`);
    fileCalls.renameSync(previous, path);
    fileCalls.renameSync(`${previous}.new`, previous);
    fsyncDir(dirname(path));
  } catch (cause) {
    throw fileFault("roll back", path, cause);
  }
  if (system.live) system.try("systemctl", "try-restart", "dwbase.service");
  return binary;
}
