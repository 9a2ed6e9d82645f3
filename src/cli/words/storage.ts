import { asFault, exitOf, Fault } from "../../base/mod.ts";
import type { RepairReport } from "../../storage/mod.ts";
import { type Context, STORE_OPTIONS, type Word } from "../command.ts";
import { dataDirOf } from "../node.ts";
import type { Printer } from "../printer.ts";
import { storeKeys, storeOptions } from "../store.ts";

export const word: Word = {
  summary: "look after a data directory",
  actions: {
    check: {
      summary: "check that everything stored is whole",
      options: [{ flags: "--deep", about: "read and verify every row" }, ...STORE_OPTIONS],
      examples: [
        "dwbase storage check --deep",
        "dwbase storage check --data-dir /var/lib/dwbase/data --json",
      ],
      run: check,
    },
    reindex: {
      summary: "build everything that is derived from the memories anew",
      options: STORE_OPTIONS,
      examples: ["dwbase storage reindex --data-dir /var/lib/dwbase/data"],
      run: reindex,
    },
    rekey: {
      summary: "encrypt a store, change its key, or decrypt it",
      options: [
        { flags: "--to <key>", about: "id of the key in DWBASE_KEY_<ID>, or none" },
        ...STORE_OPTIONS,
      ],
      examples: ["dwbase storage rekey --to MAIN", "dwbase storage rekey --to none"],
      run: rekey,
    },
    repair: {
      summary: "save what can be read of a damaged store",
      options: STORE_OPTIONS,
      examples: ["dwbase storage repair --data-dir /var/lib/dwbase/data"],
      run: repair,
    },
    rollback: {
      summary: "go back to the copy made before the last upgrade, for the older dwbase",
      options: STORE_OPTIONS,
      examples: ["dwbase storage rollback --data-dir /var/lib/dwbase/data"],
      run: rollback,
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
  const deep = args.has("deep");
  const options = deep ? await storeOptions(context) : { keyring: await storeKeys(context) };
  const report = checkStore(dataDir, {
    ...options,
    deep,
    onProgress: (done, total) => print.progress(done, total, `${done} checked`),
  });
  print.clear();
  await note(context, dataDir, { deep, findings: report.findings.length });
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
      print.note('stop the node and run "dwbase storage repair": what is whole stays; or restore a backup');
  }
  return report.clean ? 0 : exitOf("damaged");
}

/** Leaves the result for the node's health; a directory that is somebody else's, or full, is checked all the same. */
async function note({ io, print }: Context, dataDir: string, found: { deep: boolean; findings: number }) {
  const { noteCheck } = await import("../../health/mod.ts");
  try {
    noteCheck(dataDir, { checked_at: new Date(io.now()).toISOString(), ...found });
  } catch (cause) {
    print.note(`the node's health will not tell of this check: ${asFault(cause).message}`);
  }
}

/** What rebuilding takes: keys, the model, and a bar that shows how far it is. */
async function rebuilding(context: Context) {
  const { print } = context;
  return {
    ...(await storeOptions(context)),
    onProgress: (done: number, total: number) => print.progress(done, total, `${done} memories`),
  };
}

async function reindex(context: Context): Promise<void> {
  const { print } = context;
  const dataDir = dataDirOf(context);
  const { reindexStore } = await import("../../storage/mod.ts");
  const atoms = reindexStore(dataDir, await rebuilding(context));
  print.clear();
  if (print.json) return print.document({ data_dir: dataDir, atoms });
  print.line(`${dataDir}: the index of ${atoms} memories is built anew`);
}

async function repair(context: Context): Promise<number> {
  const { print } = context;
  const dataDir = dataDirOf(context);
  const { repairStore } = await import("../../storage/mod.ts");
  const report = repairStore(dataDir, await rebuilding(context));
  print.clear();
  if (print.json) print.document({ data_dir: dataDir, ...report });
  else if (report.whole) print.line(`${dataDir} is whole; nothing was done`);
  else showRepair(print, dataDir, report);
  return report.whole ? 0 : exitOf("damaged");
}

function showRepair(print: Printer, dataDir: string, report: RepairReport): void {
  for (const { seq, world } of report.lost) {
    print.line(`lost: sequence ${seq} (${world === null ? "world unknown" : `world ${world}`})`);
  }
  if (report.unnamed > 0) print.line(`lost: ${report.unnamed} memories more, whose sequences nothing names`);
  for (const note of report.notes) print.line(note);
  const lost = report.lost.length + report.unnamed;
  print.line(`${dataDir}: ${report.atoms} memories saved, ${lost} lost`);
  print.note(`the damaged database is kept as ${report.aside}; the next forget removes it`);
}

async function rekey(context: Context): Promise<void> {
  const { args, print } = context;
  const key = args.text("to");
  if (key === undefined) throw new Fault("usage", 'say which key: "--to KEY_ID", or "--to none" to decrypt');
  const dataDir = dataDirOf(context);
  const { rekeyStore } = await import("../../storage/mod.ts");
  const to = key === "none" ? undefined : key;
  const atoms = rekeyStore(dataDir, to, await rebuilding(context));
  print.clear();
  const state = to === undefined ? "not encrypted" : `encrypted by the key "${to}"`;
  if (print.json) return print.document({ data_dir: dataDir, key_id: to ?? null, atoms: atoms ?? null });
  if (atoms === undefined) return print.line(`${dataDir} is ${state} already`);
  print.line(`${dataDir}: ${atoms} memories are now ${state}; the old file is removed`);
  const enabled =
    to === undefined ? "encryption_enabled = false" : `encryption_enabled = true, key_id = "${to}"`;
  print.note(`set [node.storage] ${enabled}; older backups keep the key that they were made with`);
}

async function rollback(context: Context): Promise<void> {
  const { print } = context;
  const dataDir = dataDirOf(context);
  const { rollbackStore } = await import("../../storage/mod.ts");
  rollbackStore(dataDir);
  if (print.json) return print.document({ data_dir: dataDir, rolled_back: true });
  print.line(`${dataDir} is as it was before the upgrade; run the older dwbase now`);
  print.note("what was remembered since the upgrade is kept in dwbase.db.old");
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
