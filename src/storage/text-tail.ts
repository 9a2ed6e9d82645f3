import type { Database } from "bun:sqlite";
import { coveredSeq, tailAtoms } from "./text-index.ts";

/** The reader's side of the text index beyond what FTS5 covers: postings of the last few atoms, in memory. */
export class TextTail {
  private version = -1;
  private terms = new Map<string, [seq: number, count: number][]>();

  constructor(private readonly db: Database) {}

  /** At the start of a snapshot: brings the tail up to it, when anything was written since. */
  refresh(): void {
    // reading the version also opens the snapshot, so that both speak of the same commit
    const covered = coveredSeq(this.db);
    const version = this.db.query<{ data_version: number }, []>("PRAGMA data_version").get()!.data_version;
    if (version === this.version) return;
    this.terms = new Map();
    for (const { row, tokens } of tailAtoms(this.db, covered)) this.enter(row.seq, tokens);
    this.version = version;
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
