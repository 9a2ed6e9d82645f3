import { LIMITS } from "../base/mod.ts";
import { EvidenceReader, type StoreReader } from "../storage/mod.ts";
import { DAY } from "./cues.ts";
import type { Scope } from "./scope.ts";
import { Supersession } from "./standing.ts";
import { byRank, NOTHING, type Ranked, scored } from "./types.ts";
import { WEIGHTS } from "./weights.ts";

/** How many times more rows are tried when a filter lets too few through. */
const GROWTH = 10;
const HALF_MS = WEIGHTS.recencyDays * DAY;

/**
 * The newest important atoms, best first: importance, and up to WEIGHTS.newest more the newer it is. The whole world
 * is judged, so nothing recent hides an older, more important atom.
 * @param newest time from which age counts
 */
export function newestImportant(reader: StoreReader, scope: Scope, newest: number): Ranked[] {
  const candidates = new Set(chosen(reader, scope, newest));
  const evidence = new EvidenceReader(reader.db, scope.world.id);
  const supersession = new Supersession(scope, evidence, candidates);
  const ranked = [...candidates].map((seq) => {
    const doc = scope.doc(seq)!;
    const recency = WEIGHTS.newest / (1 + Math.max(0, newest - doc.ts_ms) / HALF_MS);
    return scored(seq, { ...NOTHING, importance: doc.importance, recency });
  });
  supersession.apply(ranked);
  return ranked.sort(byRank);
}

function chosen(reader: StoreReader, scope: Scope, newest: number): number[] {
  const by = { newest, share: WEIGHTS.newest, halfMs: HALF_MS };
  for (let size = LIMITS.askLimit; ; size *= GROWTH) {
    const docs = reader.bestDocs(scope.world.id, by, size);
    const seqs = scope.select(
      docs.map((doc) => doc.seq),
      LIMITS.askLimit,
    );
    if (seqs.length === LIMITS.askLimit || docs.length < size) return seqs;
  }
}
