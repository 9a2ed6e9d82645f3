import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { strToU8, zipSync } from "fflate";
import { asFault, atomicWrite, BUILD, layout, readIfThere } from "../../base/mod.ts";
import { describe, type Env } from "../../config/mod.ts";
import { type Context, STORE_NODE_OPTIONS, type Word } from "../command.ts";
import { examination } from "../examination.ts";
import { configured, dataDirOf, nodeOf } from "../node.ts";
import { Redactor } from "../redaction.ts";

const NODE_MS = 5000;
const LOG_LINES = "5000";

/** A part of the bundle as text; when it cannot be had, the reason takes its place. */
async function part(make: () => unknown): Promise<string> {
  try {
    const value = await make();
    return typeof value === "string" ? value : `${JSON.stringify(value, null, 2)}\n`;
  } catch (cause) {
    return `not available: ${asFault(cause).message}\n`;
  }
}

/** Sizes of the files in a data directory, by name; secrets have no business here, not even their names. */
function fileSizes(dir: string): Record<string, number> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.parentPath.startsWith(layout(dir).secrets),
  );
  const sized = files.map((entry): [string, number] => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(dir.length + 1), statSync(path).size];
  });
  return Object.fromEntries(sized);
}

/** The unit's journal; a node that was started by hand logs to wherever its stdout goes. */
async function journal(): Promise<string> {
  const { thisMachine } = await import("../../health/mod.ts");
  const lines = thisMachine.run(["journalctl", "-u", "dwbase", "-n", LOG_LINES, "-o", "cat", "--no-pager"]);
  return lines || "not available: no journal of a unit dwbase\n";
}

/** Metrics without the lines that name workers. */
async function metricsOf(context: Context): Promise<string> {
  const text = await nodeOf(context, NODE_MS).metrics();
  return text.replace(/^dwbase_trust_score\{.*\n/gm, "");
}

async function storeOf(dataDir: string): Promise<unknown> {
  const { storeSchema, storeStats } = await import("../../storage/mod.ts");
  return { ...storeStats(dataDir), files: fileSizes(dataDir), schema: storeSchema(dataDir) };
}

/** The names of the node's variables; their values are in the configuration, where they are no secrets. */
function variablesOf(env: Env): string[] {
  return Object.keys(env)
    .filter((name) => /^(DWBASE|WW)_/.test(name))
    .sort();
}

export const word: Word = {
  summary: "pack what helps to find a fault into a zip, without memories and secrets",
  options: [
    { flags: "--out <file>", about: "the file to write (default dwbase-support.zip)" },
    ...STORE_NODE_OPTIONS,
  ],
  examples: ["dwbase support-bundle", "sudo dwbase support-bundle --out /tmp/report.zip"],
  async run(context) {
    const { args, io, print } = context;
    const dataDir = dataDirOf(context);
    const parts: Record<string, () => unknown> = {
      "version.json": () => ({ ...BUILD, made_at: new Date(io.now()).toISOString(), runtime: Bun.version }),
      "config.json": () => ({ settings: describe(configured(context)), variables: variablesOf(io.env) }),
      "health.json": () => nodeOf(context, NODE_MS).health(),
      "metrics.txt": () => metricsOf(context),
      "doctor.json": () => examination(context),
      "store.json": () => storeOf(dataDir),
      "log.txt": journal,
    };
    const adminKey = await part(() => readIfThere(layout(dataDir).adminKey) ?? "");
    const redactor = new Redactor(io.env, [adminKey, args.text("key")]);
    const files: Record<string, Uint8Array> = {};
    for (const [name, make] of Object.entries(parts)) files[name] = strToU8(redactor.clean(await part(make)));
    const path = resolve(io.cwd, args.text("out") ?? "dwbase-support.zip");
    atomicWrite(path, zipSync(files), 0o600);
    if (print.json) print.document({ path, files: Object.keys(files) });
    else print.line(`wrote ${path} (${Object.keys(files).join(", ")}); look into it before you send it`);
  },
};
