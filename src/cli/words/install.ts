import { resolve } from "node:path";
import { Fault, ownCommand } from "../../base/mod.ts";
import type { Documents } from "../../installer/mod.ts";
import type { Context, OptionSpec, Word } from "../command.ts";
import { configured } from "../node.ts";

export const PREFIX: OptionSpec = {
  flags: "--prefix <dir>",
  about: "where bin/ and share/ lie (default /usr/local)",
};
export const ROOT: OptionSpec = {
  flags: "--root <dir>",
  about: "a directory that stands for another system's root",
};
export const USER: OptionSpec = { flags: "--user <name>", about: "user of the service (default dwbase)" };
const DATA_DIR = "/var/lib/dwbase/data";

export const word: Word = {
  summary: "install this executable as a service, or upgrade the installed one",
  options: [
    PREFIX,
    USER,
    { flags: "--data-dir <dir>", about: `where the memory is to lie (default ${DATA_DIR})` },
    {
      flags: "--listen <address>",
      about: "where the node listens (default 127.0.0.1:8080; others need a key, made at the first start)",
    },
    { flags: "--backup-target <dir>", about: "mounted volume for a daily backup" },
    { flags: "--rollback", about: "go back to the executable that the last installation replaced" },
    ROOT,
  ],
  examples: [
    "sudo ./dwbase install",
    "sudo dwbase install --listen 0.0.0.0:8080 --backup-target /media/usb",
    "sudo dwbase install --rollback",
  ],
  async run(context) {
    const { args, io, print } = context;
    const { install, rollback } = await import("../../installer/mod.ts");
    const prefix = args.text("prefix") ?? "/usr/local";
    const root = args.text("root") === undefined ? "" : resolve(io.cwd, args.text("root")!);
    if (args.has("rollback")) {
      const binary = rollback(prefix, root);
      if (print.json) print.document({ binary, rolled_back: true });
      else
        print.line(
          `${binary} is the previous version again; if it refuses the memory: dwbase storage rollback`,
        );
      return;
    }
    const done = install({
      executable: executable(),
      prefix,
      root,
      user: args.text("user") ?? "dwbase",
      dataDir: args.text("data-dir") ?? installedDataDir(context, root),
      listen: args.text("listen") ?? "127.0.0.1:8080",
      backupTarget: args.text("backup-target") ?? "",
      documents: await documents(),
    });
    if (print.json) return print.document(done);
    for (const { path, change } of done.changes) print.line(`${change} ${path}`);
    if (done.changes.length === 0) print.line("everything is as it should be");
    if (done.restarted) print.line("the running node was started anew");
    else print.line("start it: systemctl start dwbase");
  },
};

/** An upgrade leaves the memory where it is. */
function installedDataDir(context: Context, root: string): string {
  if (root !== "") return DATA_DIR;
  const { config, path } = configured(context);
  return path?.startsWith("/etc/dwbase/") ? config.node.dataDir : DATA_DIR;
}

/** @throws Fault usage when run from source: there is no executable to install */
function executable(): string {
  const [path, ...more] = ownCommand();
  if (more.length === 0) return path!;
  throw new Fault(
    "usage",
    "this is dwbase from source; build the executable (npm run build) and run its install",
  );
}

async function documents(): Promise<Documents> {
  const { allWords } = await import("../words.ts");
  const { completionScript } = await import("../shells.ts");
  const { manPage } = await import("../man.ts");
  const words = await allWords();
  const of = (shell: "bash" | "zsh" | "fish") => completionScript(shell, words);
  return { manPage: manPage(words), completions: { bash: of("bash"), zsh: of("zsh"), fish: of("fish") } };
}
