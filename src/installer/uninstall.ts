import { join } from "node:path";
import { Fault, layout } from "../base/mod.ts";
import { remove } from "./files.ts";
import { otherSystem, requireSupported, thisSystem } from "./system.ts";
import { isPackaged, STANDARD, UNIT_DIR, UNIT_NAMES } from "./units.ts";

export interface UninstallOptions {
  /** The executable that is to go. */
  executable: string;
  prefix: string;
  user: string;
  /** The data directory of the configuration, removed by a purge. */
  dataDir: string;
  /** Remove configuration, memory and user too. */
  purge: boolean;
  root: string;
}

/** What a node puts into its data directory, which may hold other things too: it may be a whole volume. */
function filesOf(dataDir: string): string[] {
  const { dir: _, database, lock, ...others } = layout(dataDir);
  const companions = [database, lock].flatMap((path) =>
    ["-wal", "-shm", "-journal"].map((end) => `${path}${end}`),
  );
  return [database, lock, ...companions, ...Object.values(others)];
}

/**
 * Takes the node off the device. Configuration and memory stay, unless `purge`.
 * @returns the removed paths
 * @throws Fault usage, storage_error
 */
export function uninstall(options: UninstallOptions): string[] {
  const { executable, prefix, user, dataDir, purge, root } = options;
  if (isPackaged(executable, root)) {
    throw new Fault(
      "usage",
      "this dwbase came in a package: apt remove dwbase (apt purge dwbase takes the memory along)",
    );
  }
  const system = root === "" ? thisSystem : otherSystem;
  requireSupported(system);
  const timers = UNIT_NAMES.filter((name) => name.endsWith(".timer"));
  system.try("systemctl", "disable", "--now", ...timers, "dwbase.service");
  const share = join(prefix, "share");
  const paths = [
    ...UNIT_NAMES.flatMap((name) => [join(UNIT_DIR, name), join(UNIT_DIR, `${name}.d`)]),
    ...["", ".previous", ".new"].map((suffix) => `${join(prefix, "bin/dwbase")}${suffix}`),
    join(share, "man/man1/dwbase.1"),
    join(share, "bash-completion/completions/dwbase"),
    join(share, "zsh/site-functions/_dwbase"),
    join(share, "fish/vendor_completions.d/dwbase.fish"),
    ...(purge ? [...filesOf(dataDir), STANDARD.config, STANDARD.state] : []),
  ];
  const removed = paths.filter((path) => remove(join(root || "/", path)));
  system.try("systemctl", "daemon-reload");
  if (purge) system.try("userdel", user);
  return removed;
}
