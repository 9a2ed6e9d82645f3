import type { Database } from "bun:sqlite";
import { coveredSeq, tailAtoms, tailSeqs } from "./text-index.ts";

/** The reader's side of the text index beyond what FTS5 covers: postings of the last few atoms, in memory. */
export class TextTail {
  private version = -1;
  /** Tokens by sequence, ascending. */
  private atoms = new Map<number, string>();
  private terms = new Map<string, [seq: number, count: number][]>();

  constructor(private readonly db: Database) {}

  /** At the start of a snapshot: brings the tail up to it, when anything was written since. */
  refresh(): void {
    // reading the version also opens the snapshot, so that both speak of the same commit
    const covered = coveredSeq(this.db);
    const version = this.db.query<{ data_version: number }, []>("PRAGMA data_version").get()!.data_version;
    if (version === this.version) return;
    this.keep(new Set(tailSeqs(this.db, covered)));
    // sequences are committed in order: what is not known yet is newer than all that is
    const last = [...this.atoms.keys()].at(-1) ?? covered;
    for (const { row, tokens } of tailAtoms(this.db, last)) {
      this.atoms.set(row.seq, tokens);
      this.enter(row.seq, tokens);
    }
    this.version = version;
  }

  /** Drops atoms that were folded, removed or superseded; an atom's tokens never change, so the others stay. */
  private keep(present: ReadonlySet<number>): void {
    if ([...this.atoms.keys()].every((seq) => present.has(seq))) return;
    this.atoms = new Map([...this.atoms].filter(([seq]) => present.has(seq)));
    this.terms = new Map();
    for (const [seq, tokens] of this.atoms) this.enter(seq, tokens);
  }

  /** By sequence, oldest first. */
  postings(term: string): [seq: number, count: number][] {
    return this.terms.get(term) ?? [];
  }

  /** Atoms that hold every token of `every` and, unless it is empty, one of `any`; newest first. */
  holders(every: readonly string[], any: readonly string[]): number[] {
    const sets = every.map((term) => new Set(this.postings(term).map(([seq]) => seq)));
    if (any.length > 0) sets.push(new Set(any.flatMap((term) => this.postings(term).map(([seq]) => seq))));
    const [first = new Set<number>(), ...others] = sets;
    return [...first].filter((seq) => others.every((set) => set.has(seq))).sort((a, b) => b - a);
  }

  private enter(seq: number, tokens: string): void {
    if (tokens === "") return;
    for (const term of tokens.split(" ")) {
      const list = this.terms.get(term);
      const last = list?.at(-1);
      if (last?.[0] === seq) last[1] += 1;
      else if (list) list.push([seq, 1]);
      else this.terms.set(term, [[seq, 1]]);
    }
  }
}
