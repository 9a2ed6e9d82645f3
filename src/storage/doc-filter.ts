import { type AtomFilter, KINDS } from "../atom/mod.ts";
import { parseTime } from "../base/mod.ts";
import type { DocRow } from "./reader.ts";
import { DOC } from "./schema.ts";
import { hash52 } from "./sums.ts";
import { token } from "./terms.ts";

/** A filter of one world as conditions on thin rows and tokens of the text index, all of which must hold. */
export interface DocFilter {
  /** DOC bits that keep a row out whatever else holds. */
  hidden: number;
  /** Times in ms, both ends let in. */
  since: number;
  until: number;
  least: number;
  /** Numbers of kinds and hashes of workers; undefined = any. */
  kinds: ReadonlySet<number> | undefined;
  workers: ReadonlySet<number> | undefined;
  /** Tokens of labels and flags. */
  tokens: string[];
}

export function docFilter(world: number, filter: AtomFilter): DocFilter {
  return {
    hidden: filter.flags?.includes("quarantine") ? 0 : DOC.quarantined,
    since: filter.since === undefined ? Number.NEGATIVE_INFINITY : parseTime(filter.since)!,
    until: filter.until === undefined ? Number.POSITIVE_INFINITY : parseTime(filter.until)!,
    least: filter.min_importance ?? 0,
    kinds: filter.kinds && new Set(filter.kinds.map((kind) => KINDS.indexOf(kind))),
    workers: filter.workers && new Set(filter.workers.map((worker) => hash52(worker))),
    tokens: [
      ...(filter.labels ?? []).map((label) => token.label(world, label)),
      ...(filter.flags ?? []).map((flag) => token.flag(world, flag)),
    ],
  };
}

/** Whether a thin row passes; the tokens are not looked at. */
export function passes(doc: DocRow, { hidden, since, until, least, kinds, workers }: DocFilter): boolean {
  return (
    (doc.bits & hidden) === 0 &&
    doc.ts_ms >= since &&
    doc.ts_ms <= until &&
    doc.importance >= least &&
    (!kinds || kinds.has(doc.kind)) &&
    (!workers || workers.has(doc.worker))
  );
}

/** `passes` as a condition of SQL, for the values of `passingValues`. */
export const PASSING = `world = ? AND (bits & ?) = 0 AND ts_ms >= ? AND ts_ms <= ? AND importance >= ?
  AND (? IS NULL OR kind IN (SELECT value FROM json_each(?)))
  AND (? IS NULL OR worker IN (SELECT value FROM json_each(?)))`;

/** @param hidden DOC bits that keep a row out, beside those of the filter */
export function passingValues(world: number, filter: DocFilter, hidden: number): (number | string | null)[] {
  const list = (numbers: ReadonlySet<number> | undefined) => (numbers ? JSON.stringify([...numbers]) : null);
  const [kinds, workers] = [list(filter.kinds), list(filter.workers)];
  const { since, until, least } = filter;
  return [world, filter.hidden | hidden, since, until, least, kinds, kinds, workers, workers];
}
