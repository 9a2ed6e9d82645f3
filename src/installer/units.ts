import { existsSync } from "node:fs";
import { join } from "node:path";
import service from "../../systemd/dwbase.service" with { type: "text" };
import backupService from "../../systemd/dwbase-backup.service" with { type: "text" };
import backupTimer from "../../systemd/dwbase-backup.timer" with { type: "text" };
import healthService from "../../systemd/dwbase-health.service" with { type: "text" };
import healthTimer from "../../systemd/dwbase-health.timer" with { type: "text" };
import { Fault } from "../base/mod.ts";

/** The files of `systemd/`, carried in the executable. */
const UNITS: Readonly<Record<string, string>> = {
  "dwbase.service": service,
  "dwbase-backup.service": backupService,
  "dwbase-backup.timer": backupTimer,
  "dwbase-health.service": healthService,
  "dwbase-health.timer": healthTimer,
};

export const UNIT_NAMES: readonly string[] = Object.keys(UNITS);

/** Paths and the user as the files of `systemd/` have them. */
export const STANDARD = {
  binary: "/usr/local/bin/dwbase",
  user: "dwbase",
  /** StateDirectory: what the service manager makes for the user. */
  state: "/var/lib/dwbase",
  config: "/etc/dwbase",
} as const;

/** Where the administrator's units lie. */
export const UNIT_DIR = "/etc/systemd/system";

/** Whether an executable came in a Debian package, which brings units of its own. */
export function isPackaged(executable: string, root: string): boolean {
  const unit = join(root || "/", "usr/lib/systemd/system/dwbase.service");
  return executable === "/usr/bin/dwbase" && existsSync(unit);
}

/** The units for a device's own paths and user. */
export function unitsFor({ binary, user }: { binary: string; user: string }): Record<string, string> {
  return Object.fromEntries(
    Object.entries(UNITS).map(([name, text]) => [
      name,
      text
        .replaceAll(STANDARD.binary, binary)
        .replace(/^(User|Group)=dwbase$/gm, (_, key: string) => `${key}=${user}`),
    ]),
  );
}

/** A path as a unit takes it. @throws Fault usage when it cannot stand in one */
function unitPath(path: string): string {
  if (!path.startsWith("/") || /[\s"'\\%:\0-\x1f]/.test(path)) {
    throw new Fault(
      "usage",
      `${path} cannot be written into a systemd unit: use an absolute path without blanks or quotes`,
    );
  }
  return path;
}

/** What both services need when the memory does not lie in the state directory. */
function dataDropIn(dataDir: string): string {
  const path = unitPath(dataDir);
  return `# Written by dwbase install --data-dir.
[Unit]
RequiresMountsFor=${path}

[Service]
ReadWritePaths=${path}
`;
}

/** Where backups go, as the backup's service needs to know it. */
function targetDropIn(binary: string, target: string): string {
  const path = unitPath(target);
  return `# Written by dwbase install --backup-target.
[Unit]
RequiresMountsFor=${path}

[Service]
ReadWritePaths=${path}
ExecStart=
ExecStart=${binary} backup ${path} --config ${STANDARD.config}/dwbase.toml
`;
}

/** The node warns of backups that do not come, also where its configuration is older than the target. */
function targetNote(target: string): string {
  return `# Written by dwbase install --backup-target.
[Service]
Environment=DWBASE_BACKUP_TARGET=${unitPath(target)}
`;
}

/** Drop-ins by their path below the directory of units. */
export function dropIns(options: {
  binary: string;
  dataDir: string;
  backupTarget: string;
}): Record<string, string> {
  const { binary, dataDir, backupTarget } = options;
  const files: Record<string, string> = {};
  if (dataDir !== STANDARD.state && !dataDir.startsWith(`${STANDARD.state}/`)) {
    for (const unit of ["dwbase.service", "dwbase-backup.service"]) {
      files[`${unit}.d/data.conf`] = dataDropIn(dataDir);
    }
  }
  if (backupTarget !== "") {
    files["dwbase-backup.service.d/target.conf"] = targetDropIn(binary, backupTarget);
    files["dwbase.service.d/target.conf"] = targetNote(backupTarget);
  }
  return files;
}
