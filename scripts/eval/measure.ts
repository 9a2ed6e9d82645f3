import type { Question } from "./data.ts";

/** As much of an ask's answer as the figures need. */
export interface Answer {
  supporting_atoms: { labels: string[] }[];
  scores: Record<string, number | string>[];
}

export interface Figures {
  questions: number;
  recall5: number;
  recall10: number;
  recall20: number;
  mrr: number;
}

/** Rank of each piece of evidence from 1, Infinity for what was not found. @param without signals left out of the score */
export function ranksOf(q: Question, answer: Answer, without: readonly string[]): number[] {
  const order = answer.supporting_atoms.map(({ labels }, at) => {
    const score = answer.scores[at]!;
    const rest = without.reduce((sum, name) => sum - Number(score[name] ?? 0), Number(score.score));
    return { labels: new Set(labels), rest };
  });
  if (without.length > 0) order.sort((a, b) => b.rest - a.rest);
  return q.evidence.map((turn) => {
    const at = order.findIndex(({ labels }) => labels.has(turn));
    return at < 0 ? Number.POSITIVE_INFINITY : at + 1;
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** recall@k of a question is the share of its evidence among the first k; MRR the inverse rank of the first. */
export function figures(ranked: readonly number[][]): Figures {
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

/** Figures of all questions and of each category. */
export function byCategory(
  questions: readonly Question[],
  ranked: readonly number[][],
): Record<string, Figures> {
  const rows: Record<string, Figures> = { all: figures(ranked) };
  for (const category of [...new Set(questions.map((q) => q.category))].sort()) {
    rows[category] = figures(ranked.filter((_, at) => questions[at]!.category === category));
  }
  return rows;
}

export function percentile(sorted: readonly number[], p: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0;
}

export function table(rows: Record<string, Figures>): string {
  const lines = ["                   questions  recall@5  recall@10  recall@20    MRR"];
  for (const [name, f] of Object.entries(rows)) {
    const cells = [f.recall5, f.recall10, f.recall20].map((value) => value.toFixed(3).padStart(9));
    lines.push(
      `${name.padEnd(18)} ${String(f.questions).padStart(9)} ${cells.join("  ")}  ${f.mrr.toFixed(3)}`,
    );
  }
  return lines.join("\n");
}
