import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NewAtom } from "../../src/atom/mod.ts";
import { idFromDigest } from "../../src/base/mod.ts";

export interface Question {
  world: string;
  question: string;
  category: string;
  /** Labels of the atoms that hold the answer. */
  evidence: string[];
}

const MERGED = "merged";
/** Names of the numbered categories of the locomo-dev format. */
const CATEGORIES: Record<string, string> = {
  1: "multi-hop",
  2: "temporal",
  3: "open-domain",
  4: "single-hop",
  5: "adversarial",
};

function linesOf<T>(path: string): T[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

/** With an id of its own content, so that a second run against the same node adds nothing. */
function named(atom: NewAtom): NewAtom {
  const digest = new Bun.CryptoHasher("sha256").update(JSON.stringify(atom)).digest();
  return { id: idFromDigest(new Uint8Array(digest)), ...atom };
}

/**
 * Conversations of a directory, each a world of its own or all in one; there turn and session labels carry the
 * conversation's name.
 */
export function load(dir: string, merged: boolean): { atoms: NewAtom[]; questions: Question[] } {
  const atoms: NewAtom[] = [];
  const questions: Question[] = [];
  const files = readdirSync(dir).filter((name) => name.endsWith(".atoms.jsonl"));
  for (const file of files.sort()) {
    const name = file.slice(0, -".atoms.jsonl".length);
    const world = merged ? MERGED : name;
    const mark = merged ? `${name}/` : "";
    const marked = (label: string): string => label.replace(/^(session|turn):/, `$1:${mark}`);
    for (const atom of linesOf<NewAtom>(join(dir, file))) {
      atoms.push(named({ ...atom, world, labels: (atom.labels ?? []).map(marked) }));
    }
    const asked = linesOf<{ question: string; category: number | string; evidence: string[] }>(
      join(dir, `${name}.questions.jsonl`),
    );
    for (const { question, category, evidence } of asked) {
      questions.push({
        world,
        question,
        category: CATEGORIES[category] ?? String(category),
        evidence: evidence.map((turn) => marked(`turn:${turn}`)),
      });
    }
  }
  return { atoms, questions };
}
