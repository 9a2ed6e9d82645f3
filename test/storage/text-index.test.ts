/** The text index answers the same whether an atom waits in the tail or is folded into FTS5. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { NewAtom } from "../../src/atom/mod.ts";
import { LIMITS } from "../../src/base/mod.ts";
import { findAtom, token } from "../../src/storage/mod.ts";
import { atomText, authorTerms, indexTerms } from "../../src/text/mod.ts";
import { note, type Store, withPlainStore, withStore } from "./harness.ts";

const WORDS = ["owl", "fox", "bear", "running", "21.5", "Grüße", "漢字", "the"];
const WORLDS = ["home", "away"];

/** A plain inverted index: token → sequence → count. */
class Model {
  private readonly atoms = new Map<number, Map<string, number>>();

  add(seq: number, world: number, atom: NewAtom): void {
    const counts = new Map<string, number>();
    const put = (term: string): void => void counts.set(term, (counts.get(term) ?? 0) + 1);
    const { text, authors } = atomText(atom.payload_json, atom.worker);
    for (const word of indexTerms(text)) put(token.word(world, word));
    for (const author of authors) for (const name of authorTerms(author)) put(token.author(world, name));
    for (const label of atom.labels ?? []) put(token.label(world, label));
    for (const flag of atom.flags ?? []) put(token.flag(world, flag));
    this.atoms.set(seq, counts);
  }

  remove(seq: number): void {
    this.atoms.delete(seq);
  }

  postings(term: string): [number, number][] {
    return [...this.atoms]
      .map(([seq, counts]): [number, number] => [seq, counts.get(term) ?? 0])
      .filter(([, count]) => count > 0)
      .sort(([a], [b]) => a - b);
  }

  get terms(): Set<string> {
    return new Set([...this.atoms.values()].flatMap((counts) => [...counts.keys()]));
  }
}

const atom: fc.Arbitrary<NewAtom> = fc
  .record({
    world: fc.constantFrom(...WORLDS),
    worker: fc.constantFrom("ann", "Ben Nevis"),
    words: fc.array(fc.constantFrom(...WORDS), { maxLength: 6 }),
    labels: fc.subarray(["x", "y", "session:1"]),
    flags: fc.subarray(["f", "quarantine"]),
  })
  .map(({ words, ...rest }) => note({ ...rest, payload_json: words.join(" ") }));

type Step = { add: NewAtom[] } | { forget: number } | { restart: true };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ add: fc.array(atom, { minLength: 1, maxLength: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ add: fc.array(atom, { minLength: 40, maxLength: 90 }) }) },
  { weight: 2, arbitrary: fc.record({ forget: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ restart: true as const }) },
);

/** Sequences of the atoms of one transaction. */
function add(store: Store, atoms: NewAtom[]): { seq: number; world: number; id: string }[] {
  const ids = store.batch(atoms);
  return store.run((ctx) => ids.map((id) => ({ ...findAtom(ctx.db, id)!, id })));
}

test("postings and frequencies are those of a plain inverted index, whatever happened", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      withStore((store) => {
        const model = new Model();
        const there: { seq: number; id: string }[] = [];
        for (const now of steps) {
          if ("add" in now) {
            add(store, now.add).forEach(({ seq, world, id }, at) => {
              model.add(seq, world, now.add[at]!);
              there.push({ seq, id });
            });
          } else if ("restart" in now) {
            store.restart();
          } else if (there.length > 0) {
            const [gone] = there.splice(now.forget % there.length, 1);
            store.forget(gone!.id);
            model.remove(gone!.seq);
          }
        }
        store.read((reader) => {
          for (const term of model.terms) {
            const expected = model.postings(term);
            expect(reader.postings(term)).toEqual(expected);
            expect(reader.documentFrequency(term)).toBe(expected.length);
            const [middle] = expected[expected.length >> 1]!;
            expect(reader.postings(term, middle)).toEqual(expected.filter(([seq]) => seq > middle));
          }
        });
        store.run((ctx) => {
          for (const term of model.terms) {
            const newestFirst = model
              .postings(term)
              .map(([seq]) => seq)
              .reverse();
            expect([...ctx.text.holders(term)]).toEqual(newestFirst);
          }
        });
      });
    }),
    { numRuns: 25 },
  );
}, 60_000);

describe("the tail", () => {
  const owl = token.word(1, "owl");
  const folded = (store: Store): number =>
    store.db.query<{ n: number }, [string]>("SELECT count(*) AS n FROM text_v1_row WHERE term = ?").get(owl)!
      .n;

  test("single atoms are found at once, though FTS5 does not hold them yet", () => {
    withStore((store) => {
      store.remember("owl");
      expect(folded(store)).toBe(0);
      expect(store.read((reader) => reader.postings(owl))).toEqual([[1, 1]]);
    });
  });

  test("is folded when it has grown enough, and what is then found is the same", () => {
    withPlainStore((store) => {
      for (let i = 1; i < LIMITS.textTail; i++) store.remember("owl");
      expect(folded(store)).toBe(0);
      store.remember("owl");
      expect(folded(store)).toBe(1);
      expect(store.read((reader) => reader.documentFrequency(owl))).toBe(LIMITS.textTail);
    });
  });

  test("a reader that was open all the while follows", () => {
    withStore((store) => {
      for (let i = 1; i <= LIMITS.textTail * 2 + 3; i++) {
        store.remember("owl");
        expect(store.read((reader) => reader.documentFrequency(owl))).toBe(i);
      }
    });
  });

  test("a damaged atom in it does not keep the store from opening, nor others from being found", () => {
    withPlainStore((store) => {
      const damaged = store.remember("owl");
      store.remember("owl");
      store.db.run("UPDATE atom SET payload = 'fox' WHERE seq = 1");
      store.restart();
      store.closeReader();
      expect(store.read((reader) => reader.postings(owl))).toEqual([[2, 1]]);
      expect(() => store.get(damaged)).toThrow("damaged");
      store.db.run(`UPDATE atom SET payload = '{"text":"owl"}' WHERE seq = 1`);
    });
  });
});

test("no world's words count in another", () => {
  withStore((store) => {
    store.batch([note({ world: "a", payload_json: "owl" }), note({ world: "b", payload_json: "owl owl" })]);
    store.read((reader) => {
      const [a, b] = ["a", "b"].map((name) => reader.world(name)!);
      expect(reader.postings(token.word(a!.id, "owl"))).toEqual([[1, 1]]);
      expect(reader.postings(token.word(b!.id, "owl"))).toEqual([[2, 2]]);
      expect([a!.docs, a!.tokens, b!.docs, b!.tokens]).toEqual([1, 1, 1, 2]);
    });
  });
});
