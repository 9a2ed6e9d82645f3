import { resolve } from "node:path";
import { asFault, atomicWrite } from "../../base/mod.ts";
import type { Health } from "../../client/mod.ts";
import { type Context, NODE_OPTIONS, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";

/** The convention of monitoring plug-ins. */
const WORDS = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
const OK = 0;
const WARNING = 1;
const CRITICAL = 2;
const UNKNOWN = 3;

const TIMEOUT_MS = 2000;

export const word: Word = {
  summary: "one line and an exit code for monitoring",
  options: [
    { flags: "--out <file>", about: "write it to a file, whole or not at all, instead of stdout" },
    ...NODE_OPTIONS.map((option) =>
      option.flags.startsWith("--timeout")
        ? { ...option, about: "how long the answer may take (default 2s)" }
        : option,
    ),
  ],
  examples: ["dwbase health --timeout 2s"],
  faultExit: UNKNOWN,
  async run(context) {
    const node = nodeOf(context, TIMEOUT_MS);
    let health: Health;
    try {
      health = await node.health();
    } catch (error) {
      const fault = asFault(error);
      // A node that does not answer, or not with its health, is down; a refusal says nothing of its state.
      const code = fault.status >= 500 ? CRITICAL : UNKNOWN;
      return tell(context, code, { message: fault.message }, fault.message);
    }
    const code = health.status === "ready" ? OK : WARNING;
    return tell(context, code, health, `${sentence(health)} | ${perfdata(health)}`);
  },
};

/** @returns `code` */
function tell({ args, io, print }: Context, code: number, fields: object, text: string): number {
  const line = `DWBASE ${WORDS[code]} - ${text}`;
  const document = { code, state: WORDS[code], ...fields };
  const out = args.text("out");
  if (out !== undefined) {
    atomicWrite(resolve(io.cwd, out), `${print.json ? JSON.stringify(document) : line}\n`, 0o644);
  } else if (print.json) print.document(document);
  else print.line(line);
  return code;
}

/** The bar separates text from performance data. */
function sentence({ status, message, checks }: Health): string {
  const bad = checks
    .filter((check) => check.status !== "ok")
    .map(({ name, message }) => `${name}: ${message}`);
  return [message === "" ? status : message, ...bad].join("; ").replaceAll("|", "/").replace(/\s+/g, " ");
}

/** `label=value[unit];[warn];[crit];[min];[max]`. A budget that is not known yet, just after the start, is no limit. */
function perfdata({
  memory,
  disk,
  disk_usage: usage,
  index_rebuild_lag_ms: lag,
  uptime_s: uptime,
}: Health): string {
  return [
    `rss=${memory.rss_bytes}B;;${memory.budget_bytes || ""};0`,
    `disk=${disk.used_bytes}B;;${disk.budget_bytes || ""};0`,
    `disk_used=${Math.round(usage.percent_used * 10) / 10}%;;;0;100`,
    `index_lag=${Math.round(lag)}ms;;;0`,
    `uptime=${Math.floor(uptime)}s;;;0`,
  ].join(" ");
}
