import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { atomicWrite, ensureDir, Fault } from "../../base/mod.ts";
import { describe, isTemplateName, loadConfig, TEMPLATE_NAMES, TEMPLATES } from "../../config/mod.ts";
import { CONFIG_OPTION, type Context, type Word } from "../command.ts";
import { configured } from "../node.ts";

const DEFAULT_FILE = "dwbase.toml";

export const word: Word = {
  summary: "write, check and show the configuration",
  actions: {
    init: {
      summary: "write a template",
      args: "[template]",
      choices: TEMPLATE_NAMES,
      options: [
        { flags: "--out <file>", about: `where to (default ./${DEFAULT_FILE}; - for stdout)` },
        { flags: "--force", about: "overwrite an existing file" },
      ],
      examples: ["dwbase config init edge", "dwbase config init production --out /etc/dwbase/dwbase.toml"],
      run: init,
    },
    check: {
      summary: "check a configuration file",
      args: "[file]",
      examples: ["dwbase config check deploy/edge.toml"],
      run: check,
    },
    show: {
      summary: "show the effective values and where each comes from",
      options: [CONFIG_OPTION],
      examples: ["dwbase config show", "dwbase config show --config deploy/edge.toml"],
      run: show,
    },
  },
};

async function init({ args, io, print }: Context): Promise<void> {
  const name = args.optional(0) ?? "local";
  if (!isTemplateName(name)) throw new Fault("internal_error", `there is no template ${name}`);
  const out = args.text("out") ?? DEFAULT_FILE;
  if (out === "-") {
    if (print.json) print.document({ template: name, text: TEMPLATES[name] });
    else print.raw(TEMPLATES[name]);
    return;
  }
  const path = resolve(io.cwd, out);
  if (existsSync(path) && !args.has("force")) {
    throw new Fault("conflict", `${path} exists; choose another --out, or overwrite it with --force`);
  }
  ensureDir(dirname(path), 0o755);
  atomicWrite(path, TEMPLATES[name], 0o644);
  if (print.json) print.document({ template: name, path });
  else print.line(`wrote ${path}`);
}

async function check({ args, io, print }: Context): Promise<void> {
  const file = args.optional(0);
  const loaded = loadConfig({ env: io.env, cwd: io.cwd, ...(file === undefined ? {} : { path: file }) });
  const path = loaded.path ?? file ?? null;
  if (print.json) return print.document({ ok: true, path, notices: loaded.notices });
  for (const notice of loaded.notices) print.note(notice);
  print.line(path === null ? "there is no configuration file; the defaults hold" : `${path} is valid`);
}

async function show(context: Context): Promise<void> {
  const { print } = context;
  const loaded = configured(context);
  const rows = describe(loaded);
  if (print.json) return print.document({ path: loaded.path, settings: rows, notices: loaded.notices });
  for (const notice of loaded.notices) print.note(notice);
  print.table(
    ["KEY", "VALUE", "SOURCE"],
    rows.map(({ key, value, source }) => [key, value, source]),
  );
}
