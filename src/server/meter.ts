import type { Metrics } from "../telemetry/mod.ts";
import type { Route } from "./route.ts";

/** Counts the answers of one route. Children of labelled counters are kept: looking them up costs more than counting. */
export class Meter {
  private readonly metrics: Metrics;
  private readonly path: string;
  private readonly latency: Metrics["askLatencyMs"] | undefined;
  private readonly byStatus = new Map<number, { inc(): void }>();

  constructor(metrics: Metrics, route: Route) {
    this.metrics = metrics;
    this.path = route.path;
    const limited = route.access === "exempt" ? undefined : route.limited;
    if (limited === "remember") this.latency = metrics.rememberLatencyMs;
    if (limited === "ask") this.latency = metrics.askLatencyMs;
  }

  /** @param streamed the duration is the client's, and says nothing about the node's latency. */
  count(status: number, ms: number, streamed: boolean): void {
    let counter = this.byStatus.get(status);
    if (!counter) {
      counter = this.metrics.httpRequests.labels({ route: this.path, status: String(status) });
      this.byStatus.set(status, counter);
    }
    counter.inc();
    if (streamed) return;
    this.metrics.httpRequestSeconds.observe(ms / 1000);
    if (status === 200) this.latency?.observe(ms);
  }
}
