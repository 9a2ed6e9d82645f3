import { Dice, type Latencies, latencies } from "../load/mod.ts";

/** Times of one operation that are kept; beyond it each new one takes a random place (Vitter's algorithm R). */
const KEPT = 20_000;

class Sample {
  private readonly times: number[] = [];
  private readonly dice = new Dice(1);
  count = 0;

  add(ms: number): void {
    this.count += 1;
    if (this.times.length < KEPT) this.times.push(ms);
    else {
      const place = this.dice.below(this.count);
      if (place < KEPT) this.times[place] = ms;
    }
  }

  summary(elapsedMs: number): Latencies {
    const figures = latencies(this.times, elapsedMs);
    return { ...figures, count: this.count, per_second: Math.round((this.count * 1000) / elapsedMs) };
  }
}

/** Latencies of one stretch of time, ms; absent where nothing was asked. */
export interface Point {
  at_s: number;
  remember_p95_ms?: number;
  ask_p95_ms?: number;
}

/** Latencies by operation and over time. */
export class Stopwatch {
  private readonly samples = new Map<string, Sample>();
  private readonly stretches: Map<string, Sample>[] = [];
  private readonly began = performance.now();

  /** @param stretchMs length of one point of the timeline */
  constructor(private readonly stretchMs: number) {}

  get elapsedMs(): number {
    return performance.now() - this.began;
  }

  /** Runs `act` and keeps its time when it succeeds. */
  async time<T>(operation: string, act: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const value = await act();
    const ms = performance.now() - started;
    const at = Math.floor(this.elapsedMs / this.stretchMs);
    this.stretches[at] ??= new Map();
    for (const samples of [this.samples, this.stretches[at]!]) {
      const sample = samples.get(operation) ?? new Sample();
      samples.set(operation, sample);
      sample.add(ms);
    }
    return value;
  }

  operations(): Record<string, Latencies> {
    return Object.fromEntries(
      [...this.samples].sort().map(([name, sample]) => [name, sample.summary(this.elapsedMs)]),
    );
  }

  timeline(): Point[] {
    return Array.from(this.stretches, (stretch, at) => {
      const p95 = (name: string) => stretch?.get(name)?.summary(this.stretchMs).p95_ms;
      const [remember, ask] = [p95("remember"), p95("ask")];
      return {
        at_s: Math.round((at * this.stretchMs) / 100) / 10,
        ...(remember === undefined ? {} : { remember_p95_ms: remember }),
        ...(ask === undefined ? {} : { ask_p95_ms: ask }),
      };
    });
  }
}
