/** Latencies of one kind of request. Times in ms. */
export interface Latencies {
  count: number;
  per_second: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** @param times ms, one per request @param elapsedMs wall time of them all @param items things done per request */
export function latencies(times: readonly number[], elapsedMs: number, items = 1): Latencies {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return {
    count: times.length,
    per_second: Math.round((times.length * items * 1000) / elapsedMs),
    p50_ms: at(0.5),
    p95_ms: at(0.95),
    p99_ms: at(0.99),
  };
}
