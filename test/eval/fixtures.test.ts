/** The evaluation set in test/fixtures/eval keeps what its README promises, by the tokens that the index uses. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkNewAtom, type NewAtom } from "../../src/atom/mod.ts";
import { analyseQuestion, atomText, authorTerms, indexTerms } from "../../src/text/mod.ts";

interface Question {
  question: string;
  category: string;
  evidence: string[];
  lang: string;
}

const DIR = join(import.meta.dir, "../fixtures/eval");
const LANGUAGES = ["de", "es", "zh"];
const FROM = Date.UTC(2026, 1, 2);
const UNTIL = Date.UTC(2026, 2, 2);

function read<T>(name: string): T[] {
  const lines = readFileSync(join(DIR, name), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as T);
}

/** The rest of the one label that starts with `prefix`. */
function labelOf(atom: NewAtom, prefix: string): string {
  const found = (atom.labels ?? []).filter((label) => label.startsWith(prefix));
  expect(found).toHaveLength(1);
  return found[0]!.slice(prefix.length);
}

const atoms = read<NewAtom>("edge.atoms.jsonl");
const questions = read<Question>("edge.questions.jsonl");
const byTurn = new Map(atoms.map((atom) => [labelOf(atom, "turn:"), atom]));
const authors = new Set(
  atoms.flatMap((atom) => atomText(atom.payload_json, atom.worker).authors.flatMap(authorTerms)),
);
const inCategory = (category: string) => questions.filter((q) => q.category === category);
const askedBy = (q: Question, isAuthor: (term: string) => boolean) =>
  analyseQuestion(q.question, isAuthor).terms;

/** Content terms that a question has in common with its evidence; names of authors are none unless asked for. */
function common(q: Question, withNames = false): string[] {
  const told = new Set(
    q.evidence.flatMap((turn) => {
      const { payload_json, worker } = byTurn.get(turn)!;
      return indexTerms(atomText(payload_json, worker).text);
    }),
  );
  return askedBy(q, (term) => !withNames && authors.has(term)).filter((term) => told.has(term));
}

describe("memories", () => {
  test("are accepted as new atoms of one world", () => {
    for (const atom of atoms) {
      expect(checkNewAtom(atom, { now: UNTIL, clockSane: true })).toEqual(atom);
      expect(atom.world).toBe("edge");
    }
  });

  test("are 300 in English and 30 in each other language at least", () => {
    const counts: Record<string, number> = {};
    for (const atom of atoms) counts[labelOf(atom, "lang:")] = (counts[labelOf(atom, "lang:")] ?? 0) + 1;
    expect(Object.keys(counts).sort()).toEqual(["de", "en", "es", "zh"]);
    expect(counts.en).toBeGreaterThanOrEqual(300);
    for (const lang of LANGUAGES) expect(counts[lang]).toBeGreaterThanOrEqual(30);
  });

  test("carry evidence ids E1, E2, … in order of time", () => {
    expect([...byTurn.keys()]).toEqual(atoms.map((_, i) => `E${i + 1}`));
    const times = atoms.map((atom) => Date.parse(atom.timestamp!));
    expect(times.slice(1).every((time, i) => time > times[i]!)).toBe(true);
    expect(times[0]).toBeGreaterThanOrEqual(FROM);
    expect(times.at(-1)).toBeLessThan(UNTIL);
  });

  test("are all different", () => {
    expect(new Set(atoms.map((atom) => atom.payload_json)).size).toBe(atoms.length);
  });

  test("come from three authors and from devices, as plain text, as words and as figures", () => {
    const wordsBy = (worker: string) => atoms.filter((atom) => atom.worker === worker).length;
    for (const author of ["mei", "ruben", "warden"]) expect(wordsBy(author)).toBeGreaterThan(50);
    expect(new Set(atoms.map((atom) => atom.worker)).size).toBeGreaterThan(6);
    expect(new Set(atoms.map((atom) => atom.kind)).size).toBe(5);
    for (const shape of [/^[^{]/, /^\{"text":/, /^\{"speaker":/, /^\{"(sensor|cellar|yield_kwh)"/]) {
      expect(atoms.filter((atom) => shape.test(atom.payload_json)).length).toBeGreaterThan(5);
    }
  });

  test("belong to a session in part", () => {
    const inSession = atoms.filter((atom) => atom.labels?.some((label) => label.startsWith("session:")));
    expect(inSession.length).toBeGreaterThan(50);
    expect(inSession.length).toBeLessThan(atoms.length / 2);
  });
});

describe("questions", () => {
  test("are 60 of shared and 60 of other words in English at least, and 20 in each other language", () => {
    const categories = new Set(questions.map((q) => q.category));
    expect([...categories].sort()).toEqual(["de", "es", "paraphrase", "shared", "zh"]);
    expect(inCategory("shared").length).toBeGreaterThanOrEqual(60);
    expect(inCategory("paraphrase").length).toBeGreaterThanOrEqual(60);
    for (const lang of LANGUAGES) expect(inCategory(lang)).toHaveLength(20);
  });

  test("are all different", () => {
    expect(new Set(questions.map((q) => q.question)).size).toBe(questions.length);
  });

  test("name one to three memories of their own language as evidence", () => {
    for (const q of questions) {
      expect(q.lang).toBe(LANGUAGES.includes(q.category) ? q.category : "en");
      expect(q.evidence.length).toBeGreaterThanOrEqual(1);
      expect(q.evidence.length).toBeLessThanOrEqual(3);
      expect(new Set(q.evidence).size).toBe(q.evidence.length);
      for (const turn of q.evidence) {
        expect([turn, byTurn.has(turn)]).toEqual([turn, true]);
        expect(labelOf(byTurn.get(turn)!, "lang:")).toBe(q.lang);
      }
    }
  });

  test("of category shared have a content word in common with their evidence", () => {
    expect(inCategory("shared").filter((q) => common(q).length === 0)).toEqual([]);
  });

  test("of category paraphrase have none, not even a name", () => {
    for (const q of inCategory("paraphrase")) expect([q.question, common(q, true)]).toEqual([q.question, []]);
  });

  test("in other languages share words in half of the cases", () => {
    for (const lang of LANGUAGES) {
      const apart = inCategory(lang).filter((q) => common(q, true).length === 0);
      expect([lang, apart.length]).toEqual([lang, 10]);
    }
  });
});
