/**
 * Measures recall on questions whose evidence is known.
 *
 *   npm run eval -- DIR [--merged] [--json] [--without SIGNAL,…]
 *
 * DIR holds *.atoms.jsonl (a NewAtom a line, oldest first, one label `turn:<id>`) and *.questions.jsonl
 * ({question, category, evidence: [turn ids]}). recall@k of a question is the share of its evidence among the first k
 * atoms; MRR the inverse rank of the first evidence. --merged puts all conversations into one world; --without
 * ranks again with a signal taken out of every score.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { NewAtom } from "../src/atom/mod.ts";
import { LIMITS } from "../src/base/mod.ts";
import { recall } from "../src/recall/mod.ts";
import { insertAtom, StoreReader, StoreWriter } from "../src/storage/mod.ts";

interface Question {
  world: string;
  question: string;
  category: number;
  /** Labels of the atoms that hold the answer. */
  evidence: string[];
}

interface Figures {
  questions: number;
  recall5: number;
  recall10: number;
  recall20: number;
  mrr: number;
}

const CATEGORIES: Record<number, string> = {
  1: "multi-hop",
  2: "temporal",
  3: "open-domain",
  4: "single-hop",
  5: "adversarial",
};
const MERGED = "merged";

function linesOf<T>(path: string): T[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

/** In a merged world turn and session labels carry the conversation's name. */
function load(dir: string, merged: boolean): { atoms: NewAtom[]; questions: Question[] } {
  const atoms: NewAtom[] = [];
  const questions: Question[] = [];
  for (const file of readdirSync(dir)
    .filter((name) => name.endsWith(".atoms.jsonl"))
    .sort()) {
    const name = file.slice(0, -".atoms.jsonl".length);
    const mark = merged ? `${name}/` : "";
    const marked = (label: string): string => label.replace(/^(session|turn):/, `$1:${mark}`);
    for (const atom of linesOf<NewAtom>(join(dir, file))) {
      atoms.push({ ...atom, world: merged ? MERGED : name, labels: (atom.labels ?? []).map(marked) });
    }
    for (const q of linesOf<Omit<Question, "world">>(join(dir, `${name}.questions.jsonl`))) {
      const evidence = q.evidence.map((turn) => marked(`turn:${turn}`));
      questions.push({ ...q, world: merged ? MERGED : name, evidence });
    }
  }
  return { atoms, questions };
}

function store(dataDir: string, atoms: readonly NewAtom[]): void {
  const writer = new StoreWriter(dataDir);
  try {
    for (let from = 0; from < atoms.length; from += LIMITS.batchAtoms) {
      const batch = atoms.slice(from, from + LIMITS.batchAtoms);
      for (const outcome of writer.commit(batch.map((atom) => (ctx) => insertAtom(ctx, atom)))) {
        if ("fault" in outcome) throw outcome.fault;
      }
    }
  } finally {
    writer.close();
  }
}

/** Rank of each piece of evidence from 1, Infinity for what was not found. */
function ranksOf(
  reader: StoreReader,
  q: Question,
  without: readonly string[],
): { ranks: number[]; ms: number } {
  const request = { world: q.world, text: q.question, limit: without.length > 0 ? LIMITS.askLimit : 20 };
  const from = performance.now();
  const found = reader.snapshot(() => recall(reader, request, { now: Date.now(), checkDeadline: () => {} }));
  const ms = performance.now() - from;
  const order = found.supporting.map((row, at) => {
    const score = found.scores[at]! as unknown as Record<string, number>;
    return { row, score: without.reduce((sum, name) => sum - score[name]!, score.score!) };
  });
  if (without.length > 0) order.sort((a, b) => b.score - a.score);
  const labels = order.map(({ row }) => new Set<string>(JSON.parse(row.labels ?? "[]")));
  const ranks = q.evidence.map((turn) => 1 + labels.findIndex((has) => has.has(turn)));
  return { ranks: ranks.map((rank) => (rank === 0 ? Number.POSITIVE_INFINITY : rank)), ms };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function figures(ranked: readonly number[][]): Figures {
  const at = (k: number): number =>
    mean(ranked.map((ranks) => mean(ranks.map((rank) => (rank <= k ? 1 : 0)))));
  return {
    questions: ranked.length,
    recall5: at(5),
    recall10: at(10),
    recall20: at(20),
    mrr: mean(ranked.map((ranks) => 1 / Math.min(...ranks))),
  };
}

function percentile(sorted: readonly number[], p: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0;
}

function table(rows: Record<string, Figures>, p50: number, p95: number): string {
  const lines = ["                 questions  recall@5  recall@10  recall@20    MRR"];
  for (const [name, f] of Object.entries(rows)) {
    const cells = [f.recall5, f.recall10, f.recall20].map((value) => value.toFixed(3).padStart(9));
    lines.push(
      `${name.padEnd(16)} ${String(f.questions).padStart(9)} ${cells.join("  ")}  ${f.mrr.toFixed(3)}`,
    );
  }
  return `${lines.join("\n")}\nask p50 ${p50.toFixed(2)} ms, p95 ${p95.toFixed(2)} ms`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    merged: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    without: { type: "string", default: "" },
  },
});
const [dir] = positionals;
if (dir === undefined) {
  console.error("usage: npm run eval -- DIR [--merged] [--json] [--without SIGNAL,…]");
  process.exit(2);
}
const { atoms, questions } = load(dir, values.merged);
const dataDir = mkdtempSync(join(tmpdir(), "dwbase-eval-"));
try {
  store(dataDir, atoms);
  const reader = new StoreReader(dataDir);
  const without = values.without.split(",").filter((name) => name !== "");
  const results = questions.map((q) => ({ category: q.category, ...ranksOf(reader, q, without) }));
  reader.close();
  const rows: Record<string, Figures> = { all: figures(results.map((r) => r.ranks)) };
  for (const [number, name] of Object.entries(CATEGORIES)) {
    const of = results.filter((r) => r.category === Number(number));
    if (of.length > 0) rows[name] = figures(of.map((r) => r.ranks));
  }
  const times = results.map((r) => r.ms).sort((a, b) => a - b);
  const p50 = percentile(times, 0.5);
  const p95 = percentile(times, 0.95);
  console.log(
    values.json ? JSON.stringify({ figures: rows, ask_ms: { p50, p95 } }, null, 2) : table(rows, p50, p95),
  );
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
