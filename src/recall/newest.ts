import type { StoreReader } from "../storage/mod.ts";
import type { Ranked } from "./rank.ts";
import { rounded } from "./rank.ts";
import type { Scope } from "./scope.ts";
import { SIGNALS, type Signals } from "./types.ts";
import { WEIGHTS } from "./weights.ts";

const DAY = 86_400_000;

/**
 * The newest important atoms, best first: importance, and up to WEIGHTS.newest more the newer it is. The whole world
 * is judged, so nothing recent hides an older, more important atom.
 */
export function newestImportant(reader: StoreReader, scope: Scope, checkDeadline: () => void): Ranked[] {
  const ranked: Ranked[] = [];
  let seen = 0;
  for (const doc of reader.docsBackwards(scope.world.id)) {
    if (++seen % 1024 === 0) checkDeadline();
    if (!scope.accepts(doc.seq)) continue;
    const age = Math.max(0, scope.world.newest_ms - doc.ts_ms) / DAY;
    const signals = Object.fromEntries(SIGNALS.map((name) => [name, 0])) as Signals;
    signals.importance = rounded(doc.importance);
    signals.recency = rounded(WEIGHTS.newest / (1 + Math.log2(1 + age)));
    ranked.push({ seq: doc.seq, score: rounded(signals.importance + signals.recency), signals });
  }
  return ranked.sort((a, b) => b.score - a.score || b.seq - a.seq);
}
