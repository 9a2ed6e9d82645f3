import { type Context, STORE_NODE_OPTIONS, type Word } from "../command.ts";
import { dataDirOf, namesDirectoryAlone, nodeOf } from "../node.ts";
import { storeKeys } from "../store.ts";

export const word: Word = {
  summary: "look at the search index",
  actions: {
    status: {
      summary: "show how far each world is indexed",
      options: STORE_NODE_OPTIONS,
      examples: ["dwbase index status", "dwbase index status --data-dir /var/lib/dwbase/data --json"],
      async run(context) {
        const { print } = context;
        const rows = await rowsOf(context);
        if (print.json) return print.document(rows);
        print.table(
          ["WORLD", "MODE", "STATE", "INDEXED", "PENDING", "EMBEDDER", "REBUILT"],
          rows.map((row) => [
            row.world,
            row.mode,
            row.rebuilding
              ? `rebuilding ${Math.floor(row.progress * 100)} %`
              : row.ready
                ? "ready"
                : "not ready",
            String(row.indexed),
            String(row.pending),
            row.embedder_version ?? "none",
            row.last_rebuilt ?? "never",
          ]),
        );
      },
    },
  },
};

/** A directory that is named is read itself, whether a node serves it or not. */
async function rowsOf(context: Context) {
  if (!namesDirectoryAlone(context)) return nodeOf(context).indexStatus();
  const { indexStatusOf } = await import("../../engine/mod.ts");
  return indexStatusOf(dataDirOf(context), await storeKeys(context));
}
