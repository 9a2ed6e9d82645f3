import { chownSync, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { ensureDir, Fault } from "../base/mod.ts";
import { isLoopback, parseListen, renderTemplate } from "../config/mod.ts";
import { type Change, offerText, putBinary, putText } from "./files.ts";
import { ensureUser, otherSystem, requireSupported, type System, thisSystem } from "./system.ts";
import { dropIns, isPackaged, STANDARD, UNIT_DIR, unitsFor } from "./units.ts";

/** Texts that the command line makes from its own tables. */
export interface Documents {
  manPage: string;
  completions: { bash: string; zsh: string; fish: string };
}

export interface InstallOptions {
  /** The executable to install. */
  executable: string;
  /** "/usr/local": where bin/ and share/ lie. */
  prefix: string;
  user: string;
  dataDir: string;
  /** Where the node is to listen. */
  listen: string;
  /** Directory of the backup volume; "" = none. */
  backupTarget: string;
  /** A directory that stands for the file system of another system; "" = this one. */
  root: string;
  documents: Documents;
}

export interface Installed {
  /** What was done to which file; those that were as they should be are left out. */
  changes: { path: string; change: Change }[];
  binary: string;
  config: string;
  /** A running node was started anew with the new executable or unit. */
  restarted: boolean;
}

const ENV_FILE = `# Environment of the dwbase service: one NAME=value a line, see "dwbase config show" for the names.
# Secrets belong into files of /etc/dwbase/credentials instead, one each, named as the variable.
`;

/**
 * Installs the node as a service, or brings an installed one to this version. It can be repeated; configuration and
 * memory are never touched, and the executable of before is kept for `dwbase install --rollback`.
 * @throws Fault usage (not root, a system that dwbase does not run on, an unusable path), storage_error, disk_full
 */
export function install(options: InstallOptions): Installed {
  const system = options.root === "" ? thisSystem : otherSystem;
  requireSupported(system);
  const steps = new Steps(options, system);
  steps.programs();
  steps.directories();
  steps.configuration();
  steps.units();
  return steps.finish();
}

class Steps {
  private readonly changes: Installed["changes"] = [];
  private readonly binary: string;
  /** The executable, its documents and its units belong to the system's package manager. */
  private readonly packaged: boolean;
  /** A running node has to start anew for what was changed. */
  private renewed = false;

  constructor(
    private readonly options: InstallOptions,
    private readonly system: System,
  ) {
    this.packaged = isPackaged(options.executable, options.root);
    this.binary = this.packaged ? options.executable : join(options.prefix, "bin/dwbase");
  }

  /** A path of the installed system. */
  private at(path: string): string {
    return join(this.options.root || "/", path);
  }

  private note(path: string, change: Change): void {
    if (change !== "kept") this.changes.push({ path, change });
  }

  programs(): void {
    if (this.packaged) return;
    const { prefix, documents, executable } = this.options;
    const path = this.at(this.binary);
    const change = putBinary(executable, path, `${path}.previous`);
    this.renewed = change === "updated";
    this.note(this.binary, change);
    const share = join(prefix, "share");
    const { bash, zsh, fish } = documents.completions;
    for (const [file, text] of [
      ["man/man1/dwbase.1", documents.manPage],
      ["bash-completion/completions/dwbase", bash],
      ["zsh/site-functions/_dwbase", zsh],
      ["fish/vendor_completions.d/dwbase.fish", fish],
    ] as const) {
      this.note(join(share, file), putText(this.at(join(share, file)), text, 0o644));
    }
  }

  directories(): void {
    const { user, dataDir, backupTarget } = this.options;
    ensureUser(this.system, user, STANDARD.state);
    ensureDir(this.at(STANDARD.config), 0o755);
    ensureDir(this.at(join(STANDARD.config, "credentials")), 0o700);
    const made = !existsSync(this.at(dataDir));
    ensureDir(this.at(dataDir), 0o700);
    if (made) {
      this.note(dataDir, "created");
      this.give(dataDir);
    }
    if (backupTarget !== "" && existsSync(this.at(backupTarget))) this.give(backupTarget);
  }

  /** To the service's user. @throws Fault storage_error on a volume that knows no owners */
  private give(path: string): void {
    if (!this.system.live) return;
    const entry = Bun.spawnSync(["getent", "passwd", this.options.user]).stdout.toString().split(":");
    const [uid, gid] = [Number(entry[2]), Number(entry[3])];
    if (!Number.isInteger(uid) || !Number.isInteger(gid)) return;
    try {
      if (statSync(path).uid !== uid) chownSync(path, uid, gid);
    } catch (cause) {
      const { user } = this.options;
      throw new Fault(
        "storage_error",
        `${path} cannot be given to the user ${user}: ${(cause as Error).message}; a volume without owners (FAT, exFAT) is mounted for a user: -o uid=${user},gid=${user}`,
      );
    }
  }

  configuration(): void {
    const { listen, dataDir, backupTarget } = this.options;
    const where = parseListen(listen);
    const near = where.kind === "unix" || isLoopback(where.host);
    const config = renderTemplate(near ? "local" : "edge", {
      "node.listen": listen,
      "node.data_dir": dataDir,
      ...(backupTarget === "" ? {} : { "backup.target": backupTarget }),
    });
    for (const [name, text, mode] of [
      ["dwbase.toml", config, 0o644],
      ["dwbase.env", ENV_FILE, 0o600],
    ] as const) {
      const path = join(STANDARD.config, name);
      this.note(path, offerText(this.at(path), text, mode));
    }
  }

  units(): void {
    const { user, dataDir, backupTarget } = this.options;
    const files = {
      ...(this.packaged ? {} : unitsFor({ binary: this.binary, user })),
      ...dropIns({ binary: this.binary, dataDir, backupTarget }),
    };
    for (const [name, text] of Object.entries(files)) {
      const path = join(UNIT_DIR, name);
      const change = putText(this.at(path), text, 0o644);
      this.note(path, change);
      if (name.startsWith("dwbase.service") && change !== "kept") this.renewed = true;
    }
  }

  finish(): Installed {
    const { system, options, renewed } = this;
    system.run("systemctl", "daemon-reload");
    system.run("systemctl", "enable", "dwbase.service", "dwbase-health.timer");
    system.try("systemctl", "start", "dwbase-health.timer");
    if (options.backupTarget !== "") system.run("systemctl", "enable", "--now", "dwbase-backup.timer");
    const running = system.live && system.try("systemctl", "is-active", "--quiet", "dwbase.service");
    const restarted = running && renewed;
    if (restarted) system.run("systemctl", "restart", "dwbase.service");
    return {
      changes: this.changes,
      binary: this.binary,
      config: join(STANDARD.config, "dwbase.toml"),
      restarted,
    };
  }
}
