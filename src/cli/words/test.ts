import { resolve } from "node:path";
import { atomicWrite, exitOf } from "../../base/mod.ts";
import type { SoakReport } from "../../soak/mod.ts";
import type { Context, Word } from "../command.ts";
import type { Printer } from "../printer.ts";
import { formatBytes } from "../units.ts";

const DURATION_MS = 5 * 60_000;
const REPORT = "soak-report.json";

export const word: Word = {
  summary: "try this device: load, faults, and what is lost",
  actions: {
    soak: {
      summary:
        "run a node under load with kills, a full disk, damaged files, clock jumps, backups and restores",
      options: [
        { flags: "--duration <time>", about: "how long, such as 60s, 5m, 8h (default 5m)" },
        {
          flags: "--report <file>",
          about: `JSON report (default ${REPORT}); a page with a chart is written beside it`,
        },
        {
          flags: "--data-dir <dir>",
          about: "an empty directory, kept afterwards (default: a temporary one, on a small volume for root)",
        },
        { flags: "--seed <n>", about: "repeat a run's random choices" },
      ],
      examples: ["dwbase test soak --duration 5m --report soak-report.json"],
      run,
    },
  },
};

async function run({ args, io, print }: Context): Promise<number> {
  const { page, soak } = await import("../../soak/mod.ts");
  const durationMs = args.duration("duration") ?? DURATION_MS;
  const path = resolve(io.cwd, args.text("report") ?? REPORT);
  const dir = args.text("data-dir");
  let stopped = false;
  const off = io.onStop(() => {
    stopped = true;
  });
  try {
    const report = await soak({
      durationMs,
      dir: dir === undefined ? undefined : resolve(io.cwd, dir),
      seed: args.number("seed", { whole: true, min: 0 }) ?? io.now(),
      progress: (what, share) => print.progress(share, 1, what),
      stopped: () => stopped,
    });
    print.clear();
    const beside = `${path.replace(/\.json$/, "")}.html`;
    atomicWrite(path, `${JSON.stringify(report, null, 2)}\n`, 0o644);
    atomicWrite(beside, page(report), 0o644);
    if (print.json) print.document(report);
    else show(print, report, path, beside);
    return report.clean ? 0 : exitOf("damaged");
  } finally {
    off();
  }
}

function show(print: Printer, report: SoakReport, ...paths: string[]): void {
  print.table(
    ["OPERATION", "COUNT", "A SECOND", "P50 MS", "P95 MS", "P99 MS"],
    Object.entries(report.operations).map(([name, l]) =>
      [name, l.count, l.per_second, l.p50_ms, l.p95_ms, l.p99_ms].map(String),
    ),
  );
  for (const fault of report.faults) {
    const back = fault.recovered_ms === undefined ? "" : `, back after ${fault.recovered_ms} ms`;
    print.line(`${fault.at_s} s ${fault.kind}: ${fault.detail}${back}`);
    for (const problem of fault.problems) print.line(print.style("red", `  ${problem}`));
  }
  for (const loss of report.losses.slice(0, 20)) print.line(`${loss.problem}: ${loss.id} of ${loss.world}`);
  const losses = report.losses.length === 0 ? "nothing lost" : `${report.losses.length} LOST`;
  print.line(
    `${report.acknowledged} atoms acknowledged, ${losses}, disk ${formatBytes(report.disk.delta_bytes)} more; see ${paths.join(" and ")}`,
  );
}
