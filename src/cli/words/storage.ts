import { exitOf } from "../../base/mod.ts";
import { type Context, STORE_OPTIONS, type Word } from "../command.ts";
import { dataDirOf } from "../node.ts";

export const word: Word = {
  summary: "look after a data directory",
  actions: {
    check: {
      summary: "check that everything stored is whole",
      options: [{ flags: "--deep", about: "read and verify every row" }, ...STORE_OPTIONS],
      examples: ["dwbase storage check --deep", "dwbase storage check --data-dir /var/lib/dwbase --json"],
      run: check,
    },
    stats: {
      summary: "show what a data directory holds",
      options: STORE_OPTIONS,
      examples: ["dwbase storage stats"],
      run: stats,
    },
  },
};

async function check(context: Context): Promise<number> {
  const { args, print } = context;
  const dataDir = dataDirOf(context);
  const { checkStore } = await import("../../storage/mod.ts");
  const report = checkStore(dataDir, { deep: args.has("deep") });
  if (print.json) print.document({ data_dir: dataDir, ...report });
  else {
    for (const { table, seq, id, problem } of report.findings) {
      const row = id ?? (seq === undefined ? undefined : `row ${seq}`);
      print.line([table, row, problem].filter((part) => part !== undefined).join(": "));
    }
    const counts = Object.entries(report.counts).map(([what, count]) => `${count} ${what}`);
    const verdict = report.clean ? "is whole" : `is damaged in ${report.findings.length} places`;
    print.line(`${dataDir} ${verdict} (${counts.join(", ")})`);
    if (!report.clean)
      print.note("the rows named above are not answered; restore a backup to have them back");
  }
  return report.clean ? 0 : exitOf("damaged");
}

async function stats(context: Context): Promise<void> {
  const { print } = context;
  const dataDir = dataDirOf(context);
  const { storeStats } = await import("../../storage/mod.ts");
  const figures = { data_dir: dataDir, ...storeStats(dataDir) };
  if (print.json) return print.document(figures);
  print.fields(Object.entries(figures).map(([name, value]) => [name, shown(value)]));
}

function shown(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
