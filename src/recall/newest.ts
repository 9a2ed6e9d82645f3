import { LIMITS } from "../base/mod.ts";
import { type DocRow, EvidenceReader, type StoreReader } from "../storage/mod.ts";
import { DAY } from "./cues.ts";
import type { Scope } from "./scope.ts";
import { Supersession } from "./standing.ts";
import { byRank, NOTHING, type Ranked, scored } from "./types.ts";
import { WEIGHTS } from "./weights.ts";

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
  const ranked = [...candidates].map((seq) => judged(scope.doc(seq)!, newest));
  supersession.apply(ranked);
  return ranked.sort(byRank);
}

function judged(doc: DocRow, newest: number): Ranked {
  const recency = WEIGHTS.newest / (1 + Math.max(0, newest - doc.ts_ms) / HALF_MS);
  return scored(doc.seq, { ...NOTHING, importance: doc.importance, recency });
}

/** The best LIMITS.askLimit: by the database where nothing is filtered, else by judging each row that is let through. */
function chosen(reader: StoreReader, scope: Scope, newest: number): number[] {
  if (scope.whole) {
    const by = { newest, share: WEIGHTS.newest, halfMs: HALF_MS, hidden: scope.hidden };
    return reader.bestDocs(scope.world.id, by, LIMITS.askLimit).map((doc) => doc.seq);
  }
  let best: Ranked[] = [];
  const cut = (): void => {
    best = best.sort(byRank).slice(0, LIMITS.askLimit);
  };
  for (const doc of scope.all()) {
    best.push(judged(doc, newest));
    if (best.length >= 10 * LIMITS.askLimit) cut();
  }
  cut();
  return best.map((one) => one.seq);
}
