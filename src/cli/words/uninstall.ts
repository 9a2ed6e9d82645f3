import { resolve } from "node:path";
import { ownCommand } from "../../base/mod.ts";
import type { Word } from "../command.ts";
import { configured } from "../node.ts";
import { PREFIX, ROOT, USER } from "./install.ts";

export const word: Word = {
  summary: "take the service off this device; configuration and memory stay",
  options: [PREFIX, USER, { flags: "--purge", about: "remove configuration, memory and user too" }, ROOT],
  examples: ["sudo dwbase uninstall", "sudo dwbase uninstall --purge"],
  async run(context) {
    const { args, io, print } = context;
    const { uninstall } = await import("../../installer/mod.ts");
    const root = args.text("root");
    const purge = args.has("purge");
    const removed = uninstall({
      executable: ownCommand()[0]!,
      prefix: args.text("prefix") ?? "/usr/local",
      user: args.text("user") ?? "dwbase",
      dataDir: purge && root === undefined ? configured(context).config.node.dataDir : "/var/lib/dwbase/data",
      purge,
      root: root === undefined ? "" : resolve(io.cwd, root),
    });
    if (print.json) return print.document({ removed });
    for (const path of removed) print.line(`removed ${path}`);
    if (!purge) print.line("configuration and memory are kept; --purge removes them too");
  },
};
