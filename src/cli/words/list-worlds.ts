import { NODE_OPTIONS, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";
import { formatBytes } from "../units.ts";

export const word: Word = {
  summary: "list the worlds of a node",
  options: [{ flags: "--archived", about: "archived worlds too" }, ...NODE_OPTIONS],
  examples: ["dwbase list-worlds", "dwbase list-worlds --archived --json"],
  async run(context) {
    const { args, print } = context;
    const worlds = await nodeOf(context).worlds({ archived: args.has("archived") });
    if (print.json) return print.document(worlds);
    if (!print.fancy) {
      for (const { name } of worlds) print.line(name);
      return;
    }
    const rows = worlds.map(({ name, atoms, bytes, archived, description }) => [
      name,
      String(atoms),
      formatBytes(bytes),
      archived ? "archived" : "",
      description ?? "",
    ]);
    print.table(["WORLD", "ATOMS", "SIZE", "STATE", "DESCRIPTION"], rows);
  },
};
