import { setPriority } from "node:os";
import { resolve } from "node:path";
import type { Metadata, Report } from "../../backup/mod.ts";
import { endWithParent, enterSmallHeap, exitOf, Fault, LIMITS, MB } from "../../base/mod.ts";
import {
  type Action,
  CONFIG_OPTION,
  type Context,
  STORE_NODE_OPTIONS,
  STORE_OPTIONS,
  type Word,
} from "../command.ts";
import { OutputClosed } from "../io.ts";
import { configured, dataDirOf, namesDirectoryAlone, nodeOf } from "../node.ts";
import { formatBytes } from "../units.ts";

/** Where a pipe's archive goes. */
const STDOUT = "-";
/** How long the node may take to say how its indexes stand; without an answer the backup goes on. */
const INDEX_MS = 2000;

/** The shell's code of a command that Ctrl+C ended. */
const INTERRUPTED = 130;
/** The nicest that a process can be. */
const LAST = 19;
/** How often a bar is drawn. */
const DRAW_MS = 100;

const ENCRYPT = {
  flags: "--encrypt <key-id>",
  about: "encrypt the copy of a store that is not, by DWBASE_KEY_<KEY_ID>",
};
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
      { flags: "--unmounted", about: "accept a directory at which nothing is mounted" },
      ENCRYPT,
      ...STORE_NODE_OPTIONS,
    ],
    examples: ["dwbase backup /media/usb", "dwbase backup --json"],
    run: working(rotate),
  },
  actions: {
    create: {
      summary: "write one archive",
      options: [OUT, ENCRYPT, ...STORE_NODE_OPTIONS],
      examples: [
        "dwbase backup create --data-dir /var/lib/dwbase/data --out memory.tzst",
        "dwbase backup create --out - | ssh nas 'cat > memory.tzst'",
      ],
      run: working(create),
    },
    list: {
      summary: "show the backups in a directory",
      args: "[dir]",
      options: [CONFIG_OPTION],
      examples: ["dwbase backup list /media/usb"],
      run: list,
    },
    verify: {
      summary: "read every byte of an archive and check every hash",
      args: "<file>",
      examples: ["dwbase backup verify memory.tzst"],
      run: working(verify),
    },
    drill: {
      summary: "restore an archive beside itself, check it deeply, and remove the copy",
      args: "<file>",
      options: [DIR],
      examples: ["dwbase backup drill memory.tzst"],
      run: working(drill),
    },
    restore: {
      summary: "put an archive's memory into the data directory of a stopped node",
      options: [{ flags: "--input <file>", about: "the archive" }, FORCE, CLONE, ACCEPT, ...STORE_OPTIONS],
      examples: ["dwbase backup restore --input memory.tzst --data-dir /var/lib/dwbase/data --force"],
      run: working(restore),
    },
    snapshot: {
      summary: "write a consistent copy of the database alone into a directory, as dwbase.db",
      args: "<dir>",
      options: STORE_OPTIONS,
      examples: ["dwbase backup snapshot /media/usb"],
      run: snapshot,
    },
  },
};

/** What an action that works on bytes for a while is given: a bar, and an end at Ctrl+C. */
interface Work {
  report: Report;
  signal: AbortSignal;
}

/** Runs such an action in little memory and behind the node, whose asks and remembers go first. */
function working(act: (context: Context, work: Work) => Promise<number | undefined>): Action["run"] {
  return async (context) => {
    // in this order: the threads of the new heap begin as modest as the process is
    stepBack();
    await enterSmallHeap(LIMITS.backupRamBytes);
    const { io, print } = context;
    const stop = new AbortController();
    const off = io.onStop(() => stop.abort());
    let drawn = 0;
    const report: Report = (what, done, total) => {
      stop.signal.throwIfAborted();
      if (performance.now() - drawn < DRAW_MS && done < total) return;
      drawn = performance.now();
      print.progress(done, total, what);
    };
    try {
      return await act(context, { report, signal: stop.signal });
    } catch (error) {
      if (!stop.signal.aborted) throw error;
      print.note("stopped; everything is as it was");
      return INTERRUPTED;
    } finally {
      off();
      print.clear();
    }
  };
}

function stepBack(): void {
  try {
    setPriority(LAST);
  } catch {
    // not everywhere may a process be modest
  }
}

/** What every way of taking a backup needs to know. */
function source(context: Context, { report, signal }: Work) {
  const encrypt = context.args.text("encrypt");
  return {
    dataDir: dataDirOf(context),
    diskBudget: configured(context).config.limits.maxDiskMb * MB,
    index: () => indexOf(context),
    background: true,
    report,
    signal,
    ...(encrypt === undefined ? {} : { encrypt }),
  };
}

/** What the node says of its indexes; one that is down, or answers 401, does not stop a backup. */
async function indexOf(context: Context): Promise<unknown[]> {
  if (namesDirectoryAlone(context)) return [];
  try {
    return await nodeOf(context, INDEX_MS).indexStatus();
  } catch {
    return [];
  }
}

async function rotate(context: Context, work: Work): Promise<undefined> {
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
    ...source(context, work),
    target: resolve(io.cwd, target),
    requireMount: backup.requireMount && !args.has("unmounted"),
    keep: args.number("keep", { min: 1, whole: true }) ?? backup.keep,
  });
  print.clear();
  if (print.json) print.document(made);
  else {
    print.line(`${made.path} holds ${sentence(made.metadata)}, ${formatBytes(made.bytes)}, read back`);
    for (const path of made.removed) print.line(`removed ${path}`);
  }
  warn(context, made.warning);
}

async function create(context: Context, work: Work): Promise<undefined> {
  const { args, io, print } = context;
  const out = args.text("out");
  if (out === undefined)
    throw new Fault("usage", "say where the archive goes: --out FILE, or --out - for stdout");
  if (out === STDOUT && print.json)
    throw new Fault("usage", "--out - and --json both want stdout; choose one");
  if (out === STDOUT && io.tty.out)
    throw new Fault("usage", "an archive is nothing to look at: send stdout to a file or a pipe");
  const { createArchive } = await import("../../backup/mod.ts");
  const to = out === STDOUT ? pipe(context) : resolve(io.cwd, out);
  const made = await createArchive({ ...source(context, work), out: to });
  print.clear();
  const text = `${sentence(made.metadata)}, ${formatBytes(made.bytes)}`;
  if (print.json) print.document(made);
  else if (out === STDOUT) print.note(`wrote ${text}`);
  else print.line(`${made.path} holds ${text}, read back`);
  warn(context, made.warning);
}

/** A reader that goes away ends other commands in peace; here it means that there is no backup. */
function pipe({ print }: Context): (bytes: Uint8Array) => void {
  return (bytes) => {
    try {
      print.raw(bytes);
    } catch (cause) {
      if (!(cause instanceof OutputClosed)) throw cause;
      throw new Fault("storage_error", "the reader of stdout went away before the archive was whole", {
        cause,
      });
    }
  };
}

function warn({ print }: Context, warning: string | undefined): void {
  if (warning !== undefined) print.note(`the backup is whole, but its status is not noted: ${warning}`);
}

async function list(context: Context): Promise<void> {
  const { args, io, print } = context;
  const { listBackups } = await import("../../backup/mod.ts");
  const target = args.optional(0) ?? configured(context).config.backup.target;
  if (target === "") throw new Fault("usage", "name the directory of the backups, or set backup.target");
  const backups = await listBackups(resolve(io.cwd, target));
  if (print.json) return print.document(backups);
  print.table(
    ["TAKEN", "NODE", "ATOMS", "SIZE", "FILE"],
    backups.map(({ path, bytes, metadata }) => [
      metadata?.created_at ?? "damaged",
      metadata?.node_id ?? "",
      String(metadata?.counts.atoms ?? ""),
      formatBytes(bytes),
      path,
    ]),
  );
}

async function verify({ args, io, print }: Context, { report }: Work): Promise<undefined> {
  const { verifyArchive } = await import("../../backup/mod.ts");
  const path = resolve(io.cwd, args.word(0));
  const metadata = await verifyArchive(path, report);
  print.clear();
  if (print.json) print.document({ path, ...metadata });
  else print.line(`${path} is whole: ${sentence(metadata)}`);
}

async function drill({ args, io, print }: Context, { report }: Work): Promise<number> {
  const { drillArchive } = await import("../../backup/mod.ts");
  const path = resolve(io.cwd, args.word(0));
  const dir = args.text("dir");
  const { metadata, findings, missingKey } = await drillArchive(
    path,
    report,
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

async function restore(context: Context, { report }: Work): Promise<undefined> {
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
    report,
  });
  print.clear();
  if (print.json) print.document({ data_dir: dataDir, ...done });
  else print.line(`${dataDir} holds ${sentence(done.metadata)}`);
  if (done.old !== undefined) print.note(`the store before is kept as ${done.old} until the first forget`);
  if (done.missingKey !== null) print.note(`only its pages were checked: ${keyHint(done.missingKey)}`);
}

/** The copying child of a backup, and of use alone: it says what it did as one JSON line. */
async function snapshot(context: Context): Promise<number> {
  const { args, io, print } = context;
  await endWithParent();
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
