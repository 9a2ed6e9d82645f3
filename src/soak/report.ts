import { BUILD } from "../base/mod.ts";
import type { Latencies } from "../load/mod.ts";
import type { Point } from "./latency.ts";
import type { Loss } from "./model.ts";

/** One fault, what was seen, and what the store then held. */
export interface FaultRecord {
  kind: string;
  at_s: number;
  detail: string;
  problems: string[];
  recovered_ms?: number;
}

export interface SoakReport {
  version: string;
  commit: string;
  started_at: string;
  duration_s: number;
  /** Where the data lay: a volume of its own, or a directory under the disk budget. */
  volume: string;
  acknowledged: number;
  forgotten: number;
  /** Atoms whose outcome nobody learned, at the end; 0 when all were settled. */
  unsettled: number;
  operations: Record<string, Latencies>;
  /** Refused requests by code. */
  refusals: Record<string, number>;
  disk: { before_bytes: number; after_bytes: number; delta_bytes: number };
  faults: FaultRecord[];
  /** Acknowledged atoms that are not there as they were sent, and others that should not be. */
  losses: (Loss & { after: string })[];
  timeline: Point[];
  /** Nothing was lost and nothing else went wrong. */
  clean: boolean;
}

/** What every report begins with. */
export function heading(startedMs: number): Pick<SoakReport, "version" | "commit" | "started_at"> {
  return { version: BUILD.version, commit: BUILD.commit, started_at: new Date(startedMs).toISOString() };
}

const WIDTH = 960;
const HEIGHT = 320;
const MARGIN = 48;

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** The latencies over time as an SVG picture: 95th percentiles on a logarithmic scale, faults as marks. */
export function chart({ timeline, faults, duration_s }: SoakReport): string {
  const values = timeline.flatMap((p) => [p.remember_p95_ms ?? 0, p.ask_p95_ms ?? 0]);
  const top = Math.log10(Math.max(10, ...values)) + 1;
  const x = (s: number): number => round(MARGIN + (s / Math.max(1, duration_s)) * (WIDTH - 2 * MARGIN));
  const y = (ms: number): number =>
    round(HEIGHT - MARGIN - ((Math.log10(Math.max(0.1, ms)) + 1) / top) * (HEIGHT - 2 * MARGIN));
  const line = (name: "remember_p95_ms" | "ask_p95_ms", colour: string): string => {
    const points = timeline.flatMap((p) => (p[name] === undefined ? [] : [`${x(p.at_s)},${y(p[name])}`]));
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  };
  const grid = [0.1, 1, 10, 100, 1000, 10_000]
    .filter((ms) => Math.log10(ms) + 1 <= top)
    .map(
      (ms) =>
        `<line x1="${MARGIN}" x2="${WIDTH - MARGIN}" y1="${y(ms)}" y2="${y(ms)}" stroke="#ddd"/><text x="4" y="${y(ms) + 4}">${ms} ms</text>`,
    );
  const marks = faults.map(
    (fault) =>
      `<line x1="${x(fault.at_s)}" x2="${x(fault.at_s)}" y1="${MARGIN}" y2="${HEIGHT - MARGIN}" stroke="${fault.problems.length > 0 ? "#c00" : "#999"}" stroke-dasharray="2 3"><title>${escapeText(`${fault.kind}: ${fault.detail}`)}</title></line>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...grid,
    ...marks,
    line("remember_p95_ms", "#0a6"),
    line("ask_p95_ms", "#06c"),
    `<text x="${MARGIN}" y="20">p95 of remember (green) and ask (blue) over ${Math.round(duration_s)} s; dashed: faults</text>`,
    "</svg>",
  ].join("\n");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The report as a page for people, with the chart inside. */
export function page(report: SoakReport): string {
  const row = (cells: readonly (string | number)[]): string =>
    `<tr>${cells.map((cell) => `<td>${escapeText(String(cell))}</td>`).join("")}</tr>`;
  const verdict = report.clean
    ? "Nothing was lost."
    : `${report.losses.length} atoms are not as they should be, ${report.faults.filter((f) => f.problems.length > 0).length} faults had problems.`;
  return [
    '<!doctype html><meta charset="utf-8"><title>dwbase soak</title>',
    "<style>body{font:14px sans-serif;margin:2em}td{padding:.2em 1em .2em 0;vertical-align:top}</style>",
    `<h1>dwbase ${report.version}: ${Math.round(report.duration_s)} s of load and faults</h1>`,
    `<p>${verdict} ${report.acknowledged} atoms acknowledged, ${report.forgotten} forgotten, on ${escapeText(report.volume)}.</p>`,
    chart(report),
    "<h2>Operations</h2><table>",
    row(["", "count", "a second", "p50 ms", "p95 ms", "p99 ms"]),
    ...Object.entries(report.operations).map(([name, l]) =>
      row([name, l.count, l.per_second, l.p50_ms, l.p95_ms, l.p99_ms]),
    ),
    "</table><h2>Faults</h2><table>",
    ...report.faults.map((f) =>
      row([
        `${f.at_s} s`,
        f.kind,
        f.detail,
        f.recovered_ms === undefined ? "" : `back after ${f.recovered_ms} ms`,
        f.problems.join("; ") || "well",
      ]),
    ),
    "</table><h2>Losses</h2><table>",
    ...report.losses.map((loss) => row([loss.id, loss.world, loss.problem, `after ${loss.after}`])),
    "</table>",
  ].join("\n");
}
