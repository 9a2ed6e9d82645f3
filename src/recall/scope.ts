import type { AtomFilter } from "../atom/mod.ts";
import { DOC, type DocFilter, type DocRow, type StoreReader, type WorldRow } from "../storage/mod.ts";

/**
 * The atoms of one world that a question may see. Labels and flags restrict by their postings, the other conditions
 * are judged on thin rows, each read once.
 */
export class Scope {
  private readonly docs = new Map<number, DocRow | undefined>();
  private readonly filter: DocFilter;
  /** Sequences that hold every asked label and flag; undefined = all. */
  private readonly holders: Set<number> | undefined;

  constructor(
    private readonly reader: StoreReader,
    readonly world: WorldRow,
    filter: AtomFilter,
  ) {
    this.filter = reader.docFilter(world, filter);
    for (const token of this.filter.tokens) {
      const holders = reader.postings(token).map(([seq]) => seq);
      const before = this.holders;
      this.holders = new Set(before ? holders.filter((seq) => before.has(seq)) : holders);
    }
  }

  doc(seq: number): DocRow | undefined {
    if (this.docs.has(seq)) return this.docs.get(seq);
    const doc = this.reader.doc(this.world.id, seq);
    this.docs.set(seq, doc);
    return doc;
  }

  /** Whether the atom may be in the answer. */
  accepts(seq: number): boolean {
    if (this.holders && !this.holders.has(seq)) return false;
    const doc = this.doc(seq);
    return doc !== undefined && (doc.bits & DOC.old) === 0 && this.filter.test(doc);
  }
}
