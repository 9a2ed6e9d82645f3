import { type Context, STORE_NODE_OPTIONS, type Word } from "../command.ts";
import { examination } from "../examination.ts";
import type { Printer } from "../printer.ts";

const STYLES = { ok: "green", warning: "yellow", critical: "red", unknown: "dim" } as const;

function show(print: Printer, name: string, status: keyof typeof STYLES, message: string): void {
  print.line(`${print.style(STYLES[status], status.padEnd(8))}  ${name.padEnd(16)}  ${message}`);
}

export const word: Word = {
  summary: "look whether this device is a good home, and what to do about it",
  options: STORE_NODE_OPTIONS,
  examples: ["dwbase doctor", "sudo -u dwbase dwbase doctor --json"],
  /** 1 when something is critical; warnings alone leave 0. */
  async run(context: Context) {
    const { print } = context;
    const findings = await examination(context);
    const bad = findings.some(({ status }) => status === "critical");
    if (print.json) print.document({ ok: !bad, findings });
    else for (const { name, status, message } of findings) show(print, name, status, message);
    return bad ? 1 : 0;
  },
};
