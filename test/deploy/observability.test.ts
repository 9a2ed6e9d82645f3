/** Alert rules and dashboard speak of metrics that the node has, in a language that Prometheus reads. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createMetrics } from "../../src/telemetry/mod.ts";

const DIR = join(import.meta.dir, "..", "..", "deploy", "observability");
const RULES = join(DIR, "alerts.yml");
const DASHBOARD = join(DIR, "dashboard.json");
const PROMTOOL = Bun.which("promtool");

/** Names that DWBase 0.1.5 gave, against Prometheus' taste: kept for its dashboards. */
const KEPT = [
  "dwbase_ask_latency_ms",
  "dwbase_index_freshness_ms",
  "dwbase_quarantine_count",
  "dwbase_remember_latency_ms",
  "dwbase_sync_lag_ms",
];

async function names(): Promise<Set<string>> {
  const text = await createMetrics().metricsText();
  return new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map((found) => found[1]!));
}

async function unknownIn(text: string): Promise<string[]> {
  const known = await names();
  const used = [...text.matchAll(/dwbase_\w+/g)].map(([name]) => name);
  return used.filter((name) => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, "")));
}

/** Every query of the dashboard, its variables filled in as Grafana does. */
function queries(): string[] {
  const { panels } = JSON.parse(readFileSync(DASHBOARD, "utf8")) as {
    panels: { targets: { expr: string }[] }[];
  };
  return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr.replaceAll("$instance", ".*")));
}

describe("alert rules and dashboard", () => {
  test("name only metrics that the node has", async () => {
    expect(await unknownIn(readFileSync(RULES, "utf8"))).toEqual([]);
    expect(await unknownIn(queries().join("\n"))).toEqual([]);
    expect(queries().length).toBeGreaterThan(14);
  });

  test("say with every alert what to do", () => {
    const text = readFileSync(RULES, "utf8");
    const count = (pattern: RegExp): number => [...text.matchAll(pattern)].length;
    expect(count(/- alert:/g)).toBeGreaterThan(8);
    for (const part of [/severity: (warning|critical)/g, /summary:/g, /description:/g]) {
      expect(count(part)).toBe(count(/- alert:/g));
    }
  });

  test.skipIf(PROMTOOL === null)(
    "are read by promtool, and so are the metrics but for names kept (needs promtool)",
    async () => {
      const check = (args: string[], stdin?: string) => {
        const input = stdin === undefined ? ("ignore" as const) : Buffer.from(stdin);
        const { success, stdout, stderr } = Bun.spawnSync([PROMTOOL!, ...args], { stdin: input });
        return { success, said: `${stdout}${stderr}` };
      };
      const rules = check(["check", "rules", RULES]);
      expect([rules.success, rules.said]).toEqual([true, expect.stringContaining("SUCCESS")]);
      const made = queries().map(
        (expr, n) => `      - record: query:${n}\n        expr: ${JSON.stringify(expr)}\n`,
      );
      const asRules = `groups:\n  - name: dashboard\n    rules:\n${made.join("")}`;
      const file = `${Bun.env.TMPDIR ?? "/tmp"}/dwbase-dashboard-${process.pid}.yml`;
      await Bun.write(file, asRules);
      const panels = check(["check", "rules", file]);
      await Bun.file(file).delete();
      expect([panels.success, panels.said]).toEqual([true, expect.stringContaining("SUCCESS")]);
      const { said } = check(["check", "metrics"], await createMetrics().metricsText());
      const complained = new Set([...said.matchAll(/^(dwbase_\w+)/gm)].map((found) => found[1]!));
      expect([...complained].filter((name) => !KEPT.includes(name))).toEqual([]);
    },
  );
});
