import { basename, dirname, resolve } from "node:path";
import { Fault, readIfThere } from "../base/mod.ts";
import {
  applyHostAndPort,
  type Env,
  type Findings,
  type Given,
  noticeNames,
  readEnvironment,
  readOwn,
  variable,
} from "./environment.ts";
import { fromText, type Value } from "./kinds.ts";
import { nearest } from "./nearest.ts";
import { redactUrl } from "./redact.ts";
import { settle } from "./rules.ts";
import { buildConfig, type Config, SETTINGS, TABLES } from "./settings.ts";
import { isTemplateName, TEMPLATES } from "./templates.ts";
import { formatValue, readToml } from "./toml.ts";

export interface LoadOptions {
  /** Values of the command line by dotted TOML key, e.g. "node.listen". */
  flags?: Readonly<Record<string, string | number | boolean>>;
  env: Env;
  /** Relative paths are read from here. */
  cwd: string;
  /** --config: the file; it must exist, or be `deploy/<template>.toml`. */
  path?: string;
  /** The installed node's file; tests put their own in its place. */
  systemPath?: string;
}

export interface Loaded {
  config: Config;
  /** Absolute path of the file that was read; null when there is none or a carried template stood in for it. */
  path: string | null;
  /** Effective value of each dotted key, and "default", "file PATH:LINE", "env NAME" or "flag". */
  sources: Record<string, { value: Value; from: string }>;
  /** Sentences for the start log. */
  notices: string[];
}

const SYSTEM_PATH = "/etc/dwbase/dwbase.toml";
const LOCAL_PATH = "dwbase.toml";

interface Source {
  /** As the user knows it; stands in messages and sources. */
  name: string;
  text: string;
  path: string | null;
}

/** Finds and reads the file: --config, DWBASE_CONFIG, the installed node's, ./dwbase.toml. */
function findFile(options: LoadOptions, notices: string[]): Source | undefined {
  const named = options.path ?? variable(options.env, "DWBASE_CONFIG");
  if (named !== undefined) return readNamed(named, options.cwd, notices);
  for (const name of [options.systemPath ?? SYSTEM_PATH, LOCAL_PATH]) {
    const path = resolve(options.cwd, name);
    const text = readIfThere(path);
    if (text !== undefined) return { name, text, path };
  }
  return undefined;
}

function readNamed(name: string, cwd: string, notices: string[]): Source {
  const path = resolve(cwd, name);
  const text = readIfThere(path);
  if (text !== undefined) return { name, text, path };
  const template = basename(path, ".toml");
  if (basename(dirname(path)) === "deploy" && path.endsWith(".toml") && isTemplateName(template)) {
    notices.push(`${name} is not there; the template of that name inside dwbase is used`);
    return { name, text: TEMPLATES[template], path: null };
  }
  throw new Fault(
    "usage",
    `the configuration file ${path} does not exist; give an existing one, or write it with "dwbase config init"`,
  );
}

/** Settings of a file by dotted key; what is unknown or of the wrong type becomes a problem. */
function readSettings(source: Source, problems: string[]): Map<string, Given> {
  const given = new Map<string, Given>();
  for (const { key, value, line } of readToml(source.text, source.name)) {
    const at = `${source.name}:${line}`;
    const isTable = TABLES.some((table) => table === key || table.startsWith(`${key}.`));
    if (value === undefined && isTable) continue;
    const setting = SETTINGS.get(key)?.setting;
    if (setting === undefined || value === undefined) {
      problems.push(`${at}: ${unknownKey(key, isTable)}`);
      continue;
    }
    const read = setting.read(value);
    if (read !== undefined) given.set(key, { value: read, from: `file ${at}` });
    else problems.push(`${at}: ${key} is ${shown(value)}; it must be ${setting.accepts}`);
  }
  return given;
}

function shown(value: unknown): string {
  return formatValue(typeof value === "string" ? redactUrl(value) : value);
}

function unknownKey(key: string, isTable: boolean): string {
  if (isTable) return `${key} is a section; write [${key}] and its keys below`;
  const parent = key.slice(0, Math.max(0, key.lastIndexOf(".")));
  const setting = SETTINGS.get(parent)?.setting;
  if (setting) return `${key} is not a setting; ${parent} is one, and it must be ${setting.accepts}`;
  const near = nearest(key, [...SETTINGS.keys(), ...TABLES]);
  const hint =
    near === undefined ? `"dwbase config init" writes a template with all of them` : `did you mean ${near}?`;
  return `${key} is not a setting; ${hint}`;
}

function readFlags(flags: LoadOptions["flags"], problems: string[]): Map<string, Given> {
  const given = new Map<string, Given>();
  for (const [key, raw] of Object.entries(flags ?? {})) {
    const setting = SETTINGS.get(key)?.setting;
    const value = setting?.read(fromText(setting.kind, String(raw)));
    if (value !== undefined) given.set(key, { value, from: "flag" });
    else if (setting) problems.push(`the flag for ${key} is "${raw}"; it must be ${setting.accepts}`);
    else problems.push(`flag: ${unknownKey(key, false)}`);
  }
  return given;
}

/** Shown of a file with more faults than this. */
const SHOWN_PROBLEMS = 10;

function refuse(problems: readonly string[]): never {
  const more = problems.length - SHOWN_PROBLEMS;
  const shown = problems.slice(0, SHOWN_PROBLEMS);
  throw new Fault("usage", [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join("\n"), {
    op: "read configuration",
  });
}

/**
 * The effective configuration: flag before environment before file before default. Everything works with no file.
 * Directories and files in `config` are absolute; `sources` shows them as they were written.
 * @throws Fault usage that names file, line and key (or variable, or flag) and what is accepted, one fault a line;
 *   storage_error when a file cannot be read.
 */
export function loadConfig(options: LoadOptions): Loaded {
  const { env, cwd } = options;
  const found: Findings = { problems: [], notices: [] };
  const source = findFile(options, found.notices);
  const fromFile = source === undefined ? new Map<string, Given>() : readSettings(source, found.problems);
  const fromEnv = readEnvironment(env, found);
  const listen = fromFile.get("node.listen")?.value ?? SETTINGS.get("node.listen")!.setting.fallback;
  applyHostAndPort(env, String(listen), fromEnv, found);
  const flags = readFlags(options.flags, found.problems);

  const values = new Map<string, Given>();
  for (const [key, { setting }] of SETTINGS) {
    const given = flags.get(key) ?? fromEnv.get(key) ?? fromFile.get(key);
    values.set(key, given ?? { value: setting.fallback, from: "default" });
  }
  const own = readOwn(env, found);
  settle(values, own, env, found);
  if (found.problems.length > 0) refuse(found.problems);
  noticeNames(env, found.notices);

  const sources = Object.fromEntries([...values].map(([key, { value, from }]) => [key, { value, from }]));
  const config = buildConfig((key) => values.get(key)!.value, own);
  absolutePaths(config, cwd);
  return { config, path: source?.path ?? null, sources, notices: found.notices };
}

function absolutePaths({ node, backup }: Config, cwd: string): void {
  const absolute = (path: string) => (path === "" ? "" : resolve(cwd, path));
  node.dataDir = absolute(node.dataDir);
  node.tlsCert = absolute(node.tlsCert);
  node.tlsKey = absolute(node.tlsKey);
  backup.target = absolute(backup.target);
}
