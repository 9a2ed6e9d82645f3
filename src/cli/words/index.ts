import { STORE_NODE_OPTIONS, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";

export const word: Word = {
  summary: "look at the search index",
  actions: {
    status: {
      summary: "show how far each world is indexed",
      options: STORE_NODE_OPTIONS,
      examples: ["dwbase index status", "dwbase index status --json"],
      async run(context) {
        const { print } = context;
        const rows = await nodeOf(context).indexStatus();
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
