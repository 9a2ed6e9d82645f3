import type { AtomFilter } from "../atom/mod.ts";
import {
  DOC,
  type DocFilter,
  type DocRow,
  docFilter,
  passes,
  type StoreReader,
  type WorldRow,
} from "../storage/mod.ts";

/** Thin rows that are read together. */
const PAGE = 500;
/** Thin rows that are kept; beyond that all are read anew when they are needed again. */
const KEPT = 20_000;
/** How many atoms, and which part of its world, a filter may let through for them to be looked up all together. */
const FEW = { atoms: 2000, part: 1 / 16 };

/**
 * The atoms of one world that a question may see. Labels and flags are judged by the text index, the other conditions
 * on thin rows; both are read in pages and once, or, of a filter that lets few through, all together. A filter is
 * judged before any list is cut, so it never starves one.
 */
export class Scope {
  /** Thin rows read so far; undefined = there is none. */
  private readonly docs = new Map<number, DocRow | undefined>();
  /** Whether an atom holds all asked labels and flags, as far as known. */
  private readonly held = new Map<number, boolean>();
  private readonly filter: DocFilter;
  /** DOC bits of what says nothing: old versions, and atoms in quarantine unless they are asked for. */
  readonly hidden: number;
  /** Nothing is filtered. */
  readonly whole: boolean;
  /** Nothing is filtered and nothing in the world is hidden: every atom of the text index is in. */
  readonly open: boolean;
  /** All that is accepted, where a filter lets few through. */
  readonly few: ReadonlySet<number> | undefined;

  constructor(
    private readonly reader: StoreReader,
    readonly world: WorldRow,
    filter: AtomFilter,
    private readonly checkDeadline: () => void,
  ) {
    this.filter = docFilter(world.id, filter);
    this.hidden = DOC.old | this.filter.hidden;
    const { since, until, kinds, workers, min_importance } = filter;
    const conditions = [since, until, kinds, workers, min_importance];
    this.whole = this.filter.tokens.length === 0 && conditions.every((one) => one === undefined);
    this.open = this.whole && world.quarantined === 0;
    const most = Math.min(FEW.atoms, Math.floor(FEW.part * world.docs));
    const few = this.whole ? undefined : reader.passing(world.id, this.filter, this.hidden, most);
    this.few = few && new Set(few);
  }

  /** Reads what is not known yet about these atoms. */
  load(seqs: Iterable<number>): void {
    if (this.docs.size > KEPT) {
      this.docs.clear();
      this.held.clear();
    }
    const fresh = [...new Set(seqs)].filter((seq) => seq !== 0 && !this.docs.has(seq));
    if (fresh.length === 0) return;
    this.hold(fresh);
    for (const seq of fresh) this.docs.set(seq, undefined);
    for (const doc of this.reader.docsOf(this.world.id, fresh)) this.docs.set(doc.seq, doc);
  }

  doc(seq: number): DocRow | undefined {
    if (!this.docs.has(seq)) this.load([seq]);
    return this.docs.get(seq);
  }

  /** The thin row if it has been read. */
  known(seq: number): DocRow | undefined {
    return this.docs.get(seq);
  }

  /** Whether the atom says anything at all: neither hidden nor an old version. */
  visible(seq: number): boolean {
    const doc = seq === 0 ? undefined : this.doc(seq);
    return doc !== undefined && (doc.bits & this.hidden) === 0;
  }

  /** Whether the atom may be in the answer. */
  accepts(seq: number): boolean {
    if (this.few) return this.few.has(seq);
    return this.visible(seq) && this.held.get(seq) !== false && passes(this.doc(seq)!, this.filter);
  }

  /** Told what `accepts` is about to be asked for. */
  expect(seqs: readonly number[]): void {
    if (!this.few) this.load(seqs);
  }

  /** The first `limit` accepted of an ordered list. */
  select(ordered: readonly number[], limit: number): number[] {
    if (this.few) return this.loaded(ordered.filter((seq) => this.few!.has(seq)).slice(0, limit));
    if (this.filter.tokens.length > 0) this.hold(ordered);
    const chosen: number[] = [];
    let size = Math.min(limit, PAGE);
    for (let at = 0; at < ordered.length && chosen.length < limit; at += size, size = PAGE) {
      this.checkDeadline();
      const page = ordered.slice(at, at + size).filter((seq) => this.held.get(seq) !== false);
      this.load(page);
      chosen.push(...page.filter((seq) => this.accepts(seq)));
    }
    return chosen.slice(0, limit);
  }

  /** The newest `limit` accepted atoms that hold all of some tokens. */
  newest(tokens: readonly string[], limit: number): number[] {
    if (this.open) return this.reader.holders(tokens, [], limit);
    if (this.few) {
      const holding = tokens.reduce((left, token) => [...this.reader.among(token, left)], [...this.few]);
      return this.loaded(holding.sort((a, b) => b - a).slice(0, limit));
    }
    const chosen: number[] = [];
    for (const page of this.pages(tokens)) {
      chosen.push(...page);
      if (chosen.length >= limit) break;
    }
    return chosen.slice(0, limit);
  }

  /** Every accepted thin row, however many there are. */
  *all(): Generator<DocRow> {
    if (this.few) {
      yield* this.reader.docsOf(this.world.id, [...this.few]);
      return;
    }
    if (this.filter.tokens.length > 0) {
      for (const page of this.pages([])) for (const seq of page) yield this.doc(seq)!;
      return;
    }
    let seen = 0;
    for (const doc of this.reader.docs(this.world.id)) {
      if (++seen % PAGE === 0) this.checkDeadline();
      if ((doc.bits & this.hidden) === 0 && passes(doc, this.filter)) yield doc;
    }
  }

  /** Accepted atoms that hold all of some tokens, newest first in the log. */
  private *pages(tokens: readonly string[]): Generator<number[]> {
    const every = [...tokens, ...this.filter.tokens];
    for (let before = Number.MAX_SAFE_INTEGER; ; ) {
      this.checkDeadline();
      const page = this.reader.holders(every, [], PAGE, before);
      for (const seq of page) this.held.set(seq, true);
      yield this.select(page, PAGE);
      if (page.length < PAGE) return;
      before = page.at(-1)!;
    }
  }

  private loaded(seqs: number[]): number[] {
    this.load(seqs);
    return seqs;
  }

  /** Finds out which of some atoms hold all asked labels and flags. */
  private hold(seqs: readonly number[]): void {
    const unknown = this.filter.tokens.length === 0 ? [] : seqs.filter((seq) => !this.held.has(seq));
    if (unknown.length === 0) return;
    for (const seq of unknown) this.held.set(seq, true);
    for (const token of this.filter.tokens) {
      const holders = this.reader.among(token, unknown);
      for (const seq of unknown) if (!holders.has(seq)) this.held.set(seq, false);
    }
  }
}
