import { statfsSync } from "node:fs";
import { resolve } from "node:path";
import type { Metadata } from "../../backup/mod.ts";
import { exitOf, Fault, MB } from "../../base/mod.ts";
import { type Context, DATA_DIR_OPTIONS, NODE_OPTIONS, STORE_OPTIONS, type Word } from "../command.ts";
import { configured, dataDirOf, nodeOf } from "../node.ts";
import { formatBytes } from "../units.ts";

/** Where a pipe's archive goes. */
const STDOUT = "-";
/** How long the node may take to say how its indexes stand; without an answer the backup goes on. */
const INDEX_MS = 2000;

const OUT = { flags: "--out <file>", about: "the archive, or - for stdout" };
const CLONE = {
  flags: "--clone",
  about: "the copy lives on beside its original: give it a node id of its own",
};
const ACCEPT = { flags: "--accept-damage", about: "take also a store in which the deep check finds damage" };
const DIR = { flags: "--dir <dir>", about: "where there is room for the copy (default: beside the archive)" };
const FORCE = { flags: "--force", about: "replace the store that is there; it is kept as dwbase.db.old" };

export const word: Word = {
  summary: "copy the memory to another volume, and bring it back",
  bare: {
    summary: "take a backup to a directory of an attached volume, read it back, and remove the oldest",
    args: "[dir]",
    options: [
      { flags: "--keep <n>", about: "backups of this node that are kept (default: backup.keep)" },
      { flags: "--unmounted", about: "accept a directory that is not on a volume of its own" },
      ...DATA_DIR_OPTIONS,
      ...NODE_OPTIONS,
    ],
    examples: ["dwbase backup /media/usb", "dwbase backup --json"],
    run: rotate,
  },
  actions: {
    create: {
      summary: "write one archive",
      options: [OUT, ...DATA_DIR_OPTIONS, ...NODE_OPTIONS],
      examples: [
        "dwbase backup create --data-dir /var/lib/dwbase --out memory.tzst",
        "dwbase backup create --out - | ssh nas 'cat > memory.tzst'",
      ],
      run: create,
    },
    list: {
      summary: "show the backups in a directory",
      args: "<dir>",
      examples: ["dwbase backup list /media/usb"],
      run: list,
    },
    verify: {
      summary: "read every byte of an archive and check every hash",
      args: "<file>",
      examples: ["dwbase backup verify memory.tzst"],
      run: verify,
    },
    drill: {
      summary: "restore an archive beside itself, check it deeply, and remove the copy",
      args: "<file>",
      options: [DIR],
      examples: ["dwbase backup drill memory.tzst"],
      run: drill,
    },
    restore: {
      summary: "put an archive's memory into the data directory of a stopped node",
      options: [{ flags: "--input <file>", about: "the archive" }, FORCE, CLONE, ACCEPT, ...STORE_OPTIONS],
      examples: ["dwbase backup restore --input memory.tzst --data-dir /var/lib/dwbase --force"],
      run: restore,
    },
    snapshot: {
      summary: "write a consistent copy of the database alone into a directory, as snapshot.db",
      args: "<dir>",
      options: STORE_OPTIONS,
      examples: ["dwbase backup snapshot /media/usb"],
      run: snapshot,
    },
  },
};

/** What every way of taking a backup needs to know. */
function source(context: Context) {
  const { print } = context;
  const { config } = configured(context);
  const dataDir = dataDirOf(context);
  const { maxDiskMb } = config.limits;
  const volume = (): number => {
    const disk = statfsSync(dataDir);
    return disk.blocks * disk.bsize * 0.8;
  };
  return {
    dataDir,
    diskBudget: maxDiskMb > 0 ? maxDiskMb * MB : volume(),
    // a node that is down, or answers 401, does not stop a backup
    index: () =>
      nodeOf(context, INDEX_MS)
        .indexStatus()
        .catch(() => []),
    report: (what: string, done: number, total: number) => print.progress(done, total, what),
  };
}

async function rotate(context: Context): Promise<void> {
  const { args, io, print } = context;
  const { backup } = configured(context).config;
  const target = args.optional(0) ?? backup.target;
  if (target === "") {
    throw new Fault(
      "usage",
      "name the directory of the backup volume, or set backup.target in the configuration",
    );
  }
  const { backupTo } = await import("../../backup/mod.ts");
  const made = await backupTo({
    ...source(context),
    target: resolve(io.cwd, target),
    requireMount: backup.requireMount && !args.has("unmounted"),
    keep: args.number("keep", { min: 1, whole: true }) ?? backup.keep,
  });
  print.clear();
  if (print.json) return print.document(made);
  print.line(`${made.path} holds ${sentence(made.metadata)}, ${formatBytes(made.bytes)}, read back`);
  for (const path of made.removed) print.line(`removed ${path}`);
}

async function create(context: Context): Promise<void> {
  const { args, io, print } = context;
  const out = args.text("out");
  if (out === undefined)
    throw new Fault("usage", "say where the archive goes: --out FILE, or --out - for stdout");
  if (out === STDOUT && print.json)
    throw new Fault("usage", "--out - and --json both want stdout; choose one");
  const { createArchive } = await import("../../backup/mod.ts");
  const to = out === STDOUT ? (bytes: Uint8Array) => print.raw(bytes) : resolve(io.cwd, out);
  const made = await createArchive({ ...source(context), out: to });
  print.clear();
  if (print.json) return print.document(made);
  const text = `${sentence(made.metadata)}, ${formatBytes(made.bytes)}`;
  if (out === STDOUT) print.note(`wrote ${text}`);
  else print.line(`${made.path} holds ${text}, read back`);
}

async function list({ args, io, print }: Context): Promise<void> {
  const { listBackups } = await import("../../backup/mod.ts");
  const backups = listBackups(resolve(io.cwd, args.word(0)));
  if (print.json) return print.document(backups);
  print.table(
    ["TAKEN", "NODE", "SIZE", "FILE"],
    backups.map((one) => [one.created_at, one.node, formatBytes(one.bytes), one.path]),
  );
}

async function verify({ args, io, print }: Context): Promise<void> {
  const { verifyArchive } = await import("../../backup/mod.ts");
  const path = resolve(io.cwd, args.word(0));
  const metadata = await verifyArchive(path, (what, done, total) => print.progress(done, total, what));
  print.clear();
  if (print.json) return print.document({ path, ...metadata });
  print.line(`${path} is whole: ${sentence(metadata)}`);
}

async function drill({ args, io, print }: Context): Promise<number> {
  const { drillArchive } = await import("../../backup/mod.ts");
  const path = resolve(io.cwd, args.word(0));
  const dir = args.text("dir");
  const { metadata, findings, missingKey } = await drillArchive(
    path,
    (what, done, total) => print.progress(done, total, what),
    dir === undefined ? undefined : resolve(io.cwd, dir),
  );
  print.clear();
  const clean = findings.length === 0;
  if (print.json) print.document({ path, clean, findings, missing_key: missingKey, ...metadata });
  else {
    for (const { table, problem } of findings) print.line(`${table}: ${problem}`);
    print.line(`${path} ${clean ? "restores" : "restores, damaged"}: ${sentence(metadata)}`);
    if (missingKey !== null) print.note(`only its pages were checked: ${keyHint(missingKey)}`);
  }
  return clean ? 0 : exitOf("damaged");
}

async function restore(context: Context): Promise<void> {
  const { args, io, print } = context;
  const input = args.text("input");
  if (input === undefined) throw new Fault("usage", "name the archive: --input FILE");
  const dataDir = dataDirOf(context);
  const { restoreArchive } = await import("../../backup/mod.ts");
  const done = await restoreArchive({
    input: resolve(io.cwd, input),
    dataDir,
    force: args.has("force"),
    clone: args.has("clone"),
    acceptDamage: args.has("accept-damage"),
    report: (what, at, total) => print.progress(at, total, what),
  });
  print.clear();
  if (print.json) return print.document({ data_dir: dataDir, ...done });
  print.line(`${dataDir} holds ${sentence(done.metadata)}`);
  if (done.old !== undefined) print.note(`the store before is kept as ${done.old} until the first forget`);
  if (done.missingKey !== null) print.note(`only its pages were checked: ${keyHint(done.missingKey)}`);
}

/** The copying child of a backup, and of use alone: it says what it did as one JSON line. */
async function snapshot(context: Context): Promise<number> {
  const { args, io, print } = context;
  const { snapshotHere } = await import("../../backup/mod.ts");
  const { line, ok } = snapshotHere(dataDirOf(context), resolve(io.cwd, args.word(0)));
  print.line(line);
  return ok ? 0 : 1;
}

function keyHint(keyId: string): string {
  return `the store is encrypted, and its key is not in DWBASE_KEY_${keyId}`;
}

function sentence({ counts, created_at }: Metadata): string {
  return `${counts.atoms} atoms of ${counts.worlds} worlds as of ${created_at}`;
}
