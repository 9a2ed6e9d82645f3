/** Edit distance in which two letters that changed places count once (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const other = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const crossed = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const turned = crossed ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(other, turned, row[j]! + 1, next[j - 1]! + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

/** Longer words are not worth comparing. */
const COMPARED_CHARS = 128;

/**
 * The candidate that was most likely meant, or undefined when none is near (a third of its letters may differ).
 * The part after the last dot decides on its own too: a right key in a wrong table is near.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.slice(0, COMPARED_CHARS).toLowerCase();
  const last = wanted.slice(wanted.lastIndexOf(".") + 1);
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const lower = candidate.toLowerCase();
    const tail = lower.slice(lower.lastIndexOf(".") + 1);
    const whole = distance(wanted, lower);
    const part = distance(last, tail);
    const near = whole * 3 <= lower.length || part * 3 <= tail.length;
    // The last part decides; the whole breaks ties, so that the key of the nearest table wins.
    const score = Math.min(part, whole) * COMPARED_CHARS + whole;
    if (near && score < least) {
      best = candidate;
      least = score;
    }
  }
  return best;
}
