/** Installing into a directory that stands for a system: what lies where, twice, upgraded, rolled back, taken off. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault, SMALL_HEAP } from "../../src/base/mod.ts";
import { loadConfig } from "../../src/config/mod.ts";
import { type InstallOptions, install, rollback, uninstall } from "../../src/installer/mod.ts";
import { STANDARD } from "../../src/installer/units.ts";

let root: string;
let options: InstallOptions;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "dwbase-install-"));
  const executable = join(root, "downloaded");
  writeFileSync(executable, "version 1");
  options = {
    executable,
    prefix: "/usr/local",
    user: "dwbase",
    dataDir: "/var/lib/dwbase/data",
    listen: "127.0.0.1:8080",
    backupTarget: "",
    root,
    documents: { manPage: ".TH DWBASE 1", completions: { bash: "b", zsh: "z", fish: "f" } },
  };
});
afterEach(() => rmSync(root, { recursive: true }));

const at = (path: string): string => join(root, path);
const textOf = (path: string): string => readFileSync(at(path), "utf8");
const unit = (name: string): string => textOf(`/etc/systemd/system/${name}`);

function filesOf(): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "downloaded")
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}

describe("an installation", () => {
  test("puts executable, documents, configuration and units in place", () => {
    install(options);
    expect(filesOf()).toEqual([
      "/etc/dwbase/dwbase.env",
      "/etc/dwbase/dwbase.toml",
      "/etc/systemd/system/dwbase-backup.service",
      "/etc/systemd/system/dwbase-backup.timer",
      "/etc/systemd/system/dwbase-health.service",
      "/etc/systemd/system/dwbase-health.timer",
      "/etc/systemd/system/dwbase.service",
      "/usr/local/bin/dwbase",
      "/usr/local/share/bash-completion/completions/dwbase",
      "/usr/local/share/fish/vendor_completions.d/dwbase.fish",
      "/usr/local/share/man/man1/dwbase.1",
      "/usr/local/share/zsh/site-functions/_dwbase",
    ]);
    const mode = (path: string) => (statSync(at(path)).mode & 0o777).toString(8);
    expect(["/usr/local/bin/dwbase", "/etc/dwbase/dwbase.env", "/etc/dwbase/credentials"].map(mode)).toEqual([
      "755",
      "600",
      "700",
    ]);
    expect(mode("/var/lib/dwbase/data")).toBe("700");
    const { config } = loadConfig({ path: at("/etc/dwbase/dwbase.toml"), env: {}, cwd: root });
    expect([config.node.listen, config.node.dataDir]).toEqual(["127.0.0.1:8080", "/var/lib/dwbase/data"]);
  });

  test("done again changes nothing", () => {
    expect(install(options).changes.length).toBeGreaterThan(10);
    expect(install(options).changes).toEqual([]);
  });

  test("of a newer version keeps configuration and data, and the executable of before", () => {
    install(options);
    writeFileSync(at("/etc/dwbase/dwbase.toml"), '[node]\nlisten = "127.0.0.1:9999"\n');
    writeFileSync(at("/var/lib/dwbase/data/dwbase.db"), "memory");
    writeFileSync(options.executable, "version 2");
    const { changes } = install(options);
    expect(changes).toEqual([{ path: "/usr/local/bin/dwbase", change: "updated" }]);
    expect(textOf("/usr/local/bin/dwbase")).toBe("version 2");
    expect(textOf("/usr/local/bin/dwbase.previous")).toBe("version 1");
    expect(textOf("/etc/dwbase/dwbase.toml")).toContain("9999");
    expect(textOf("/var/lib/dwbase/data/dwbase.db")).toBe("memory");
    expect(rollback("/usr/local", root)).toBe("/usr/local/bin/dwbase");
    expect([textOf("/usr/local/bin/dwbase"), textOf("/usr/local/bin/dwbase.previous")]).toEqual([
      "version 1",
      "version 2",
    ]);
  });

  test("has nothing to go back to at first", () => {
    install(options);
    expect(() => rollback("/usr/local", root)).toThrow(Fault);
  });

  test("that others are to reach takes the edge template's caps", () => {
    install({ ...options, listen: "0.0.0.0:8080" });
    const { config } = loadConfig({ path: at("/etc/dwbase/dwbase.toml"), env: {}, cwd: root });
    expect([config.node.listen, config.security.importanceCap]).toEqual(["0.0.0.0:8080", 0.8]);
  });

  test("names other paths and another user in the units", () => {
    install({
      ...options,
      prefix: "/opt/dwbase",
      user: "memory",
      dataDir: "/mnt/card/memory",
      backupTarget: "/media/usb",
    });
    const service = unit("dwbase.service");
    expect(service).toContain("ExecStart=/opt/dwbase/bin/dwbase serve");
    expect(service).toContain("User=memory\nGroup=memory");
    expect(service).not.toContain(STANDARD.binary);
    for (const name of ["dwbase.service", "dwbase-backup.service"]) {
      expect(unit(`${name}.d/data.conf`)).toContain("RequiresMountsFor=/mnt/card/memory");
      expect(unit(`${name}.d/data.conf`)).toContain("ReadWritePaths=/mnt/card/memory");
    }
    const target = unit("dwbase-backup.service.d/target.conf");
    expect(target).toContain("RequiresMountsFor=/media/usb");
    expect(target).toContain("ReadWritePaths=/media/usb");
    expect(target).toContain("ExecStart=\nExecStart=/opt/dwbase/bin/dwbase backup /media/usb");
  });

  test.each(["relative/dir", "/media/my usb", "/media/%n", '/media/"x"'])(
    "refuses a backup target that a unit cannot name: %s",
    (backupTarget) => expect(() => install({ ...options, backupTarget })).toThrow(Fault),
  );
});

describe("taking it off", () => {
  test("keeps configuration and memory", () => {
    install({ ...options, backupTarget: "/media/usb" });
    writeFileSync(at("/var/lib/dwbase/data/dwbase.db"), "memory");
    uninstall({ ...options, purge: false });
    expect(filesOf()).toEqual([
      "/etc/dwbase/dwbase.env",
      "/etc/dwbase/dwbase.toml",
      "/var/lib/dwbase/data/dwbase.db",
    ]);
  });

  test("with --purge leaves nothing of ours, and all that is not", () => {
    install({ ...options, dataDir: "/media/usb" });
    writeFileSync(at("/media/usb/holiday.jpg"), "x");
    writeFileSync(at("/media/usb/dwbase.db"), "memory");
    uninstall({ ...options, dataDir: "/media/usb", purge: true });
    expect(filesOf()).toEqual(["/media/usb/holiday.jpg"]);
  });
});

describe("an executable that came in a package", () => {
  beforeEach(() => {
    mkdirSync(at("/usr/lib/systemd/system"), { recursive: true });
    writeFileSync(at("/usr/lib/systemd/system/dwbase.service"), "");
    options = { ...options, executable: "/usr/bin/dwbase" };
  });

  test("stays with its units where the package put them; only what is the device's own is added", () => {
    install({ ...options, backupTarget: "/media/usb" });
    expect(filesOf()).toEqual([
      "/etc/dwbase/dwbase.env",
      "/etc/dwbase/dwbase.toml",
      "/etc/systemd/system/dwbase-backup.service.d/target.conf",
      "/etc/systemd/system/dwbase.service.d/target.conf",
      "/usr/lib/systemd/system/dwbase.service",
    ]);
    expect(unit("dwbase-backup.service.d/target.conf")).toContain(
      "ExecStart=/usr/bin/dwbase backup /media/usb",
    );
  });

  test("is left to the package manager when it is to go", () => {
    const refused = () => uninstall({ ...options, purge: true });
    expect(refused).toThrow("apt purge dwbase");
  });
});

test("the unit sets what the node would otherwise execute itself anew for", () => {
  install(options);
  const [, set = ""] = /^Environment=(BUN.*)$/m.exec(unit("dwbase.service")) ?? [];
  expect(Object.fromEntries(set.split(" ").map((pair) => pair.split("=")))).toEqual(SMALL_HEAP);
});

test("the units keep what systemd-analyze asks of them", () => {
  const analyze = Bun.which("systemd-analyze");
  if (!analyze || !existsSync("/usr/share/systemd")) return;
  install(options);
  const path = at("/etc/systemd/system/dwbase.service");
  const { stdout, stderr } = Bun.spawnSync([analyze, "security", "--offline=true", path]);
  const score = Number(/exposure level for dwbase.service: ([\d.]+)/.exec(`${stdout}${stderr}`)?.[1]);
  if (Number.isNaN(score)) return;
  expect(score).toBeLessThanOrEqual(1.5);
});
