import { tmpdir } from "node:os";
import { Fault } from "../../base/mod.ts";
import type { BenchReport } from "../../bench/mod.ts";
import type { Latencies } from "../../load/mod.ts";
import type { Word } from "../command.ts";
import type { Printer } from "../printer.ts";

const SIZES = [1000, 10_000, 100_000];

function sizesOf(text: string | undefined): number[] {
  if (text === undefined) return SIZES;
  const sizes = text.split(",").map(Number);
  if (sizes.some((n) => !Number.isInteger(n) || n < 1 || n > 10_000_000)) {
    throw new Fault("usage", `--atoms takes counts with commas between, such as 1000,10000; got "${text}"`);
  }
  return sizes.sort((a, b) => a - b);
}

const inWorlds = (worlds: number): string => (worlds === 1 ? "one world" : `${worlds} worlds`);

function show(print: Printer, report: BenchReport): void {
  const row = (what: string, figures: Latencies, rest = ""): string[] => [
    what,
    String(figures.per_second),
    String(figures.p50_ms),
    String(figures.p95_ms),
    String(figures.p99_ms),
    rest,
  ];
  const { remember_1, remember_64, batch_100, bare_transaction } = report;
  print.table(
    ["WHAT", "PER SECOND", "P50 MS", "P95 MS", "P99 MS", ""],
    [
      row("bare transaction", bare_transaction),
      row("remember, 1 client", remember_1, `${remember_1.written_bytes_per_atom} bytes written each`),
      row("remember, 64 clients", remember_64, `${remember_64.fsyncs_per_atom} fsyncs each`),
      row("batch of 100", batch_100, `${batch_100.written_bytes_per_atom} bytes written an atom`),
      ...report.sizes.flatMap((size) => [
        ...(size.bm25_or ? [row(`plain bm25 OR, ${size.atoms}`, size.bm25_or)] : []),
        row(`ask, ${size.atoms} in ${inWorlds(size.worlds)}`, size.ask, `${size.rss_mb} MB resident`),
        row(
          `replay, ${size.atoms} in ${inWorlds(size.worlds)}`,
          size.replay,
          `${size.disk_bytes_per_atom} bytes on disk each`,
        ),
      ]),
    ],
  );
  print.line(`start ${report.start_ms} ms, idle ${report.idle_rss_mb} MB, peak ${report.peak_rss_mb} MB`);
}

export const word: Word = {
  summary: "measure this device",
  options: [
    { flags: "--atoms <counts>", about: "sizes of the world to ask (default 1000,10000,100000)" },
    {
      flags: "--dir <dir>",
      about: "measure on this directory's file system (default: the temporary directory)",
    },
  ],
  examples: ["dwbase bench --atoms 1000,10000", "dwbase bench --dir /var/lib --json"],
  async run({ args, print }) {
    const { bench } = await import("../../bench/mod.ts");
    const report = await bench({
      sizes: sizesOf(args.text("atoms")),
      parent: args.text("dir") ?? tmpdir(),
      progress: (what) => print.note(what),
    });
    if (print.json) print.document(report);
    else show(print, report);
  },
};
