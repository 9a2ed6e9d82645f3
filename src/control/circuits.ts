import { type CircuitReport, type CircuitState, Fault, LIMITS } from "../base/mod.ts";

export const CIRCUIT_ACTIONS = ["reset", "open", "close"] as const;
export type CircuitAction = (typeof CIRCUIT_ACTIONS)[number];

/** What a part of the node tells of a breaker of its own. */
export interface NamedReport extends CircuitReport {
  name: string;
}

/** A part of the node that has breakers, on main or on a thread. */
export interface CircuitSource {
  /** From memory. Several parts may have a breaker of the same name: before the same outside. */
  circuits(): readonly NamedReport[];
  /** Resolves when `circuits` tells what came of it. @throws Fault */
  operate(name: string, action: CircuitAction): Promise<void>;
}

export interface CircuitView {
  name: string;
  description: string;
  state: CircuitState;
  failure_count: number;
  success_count: number;
  failure_threshold: number;
  success_threshold: number;
  reset_timeout_s: number;
  half_open_max_calls: number;
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  embedding: "Calls to the embedding provider (embedder.url).",
  otlp: "Traces sent to telemetry.otel_endpoint.",
  sync: "Exchange with other nodes.",
  database: "A view of the storage: open while it is read-only or has to be opened anew; reset tries to.",
};
export const DATABASE = "database";

const WORST: readonly CircuitState[] = ["closed", "half_open", "open"];

/** All breakers of the node, visible and operable in one place. */
export class Circuits {
  private readonly sources: CircuitSource[] = [];

  add(source: CircuitSource): void {
    this.sources.push(source);
  }

  list(): CircuitView[] {
    const byName = Map.groupBy(
      this.sources.flatMap((source) => source.circuits()),
      ({ name }) => name,
    );
    return [...byName]
      .map(([name, reports]) => viewOf(name, reports))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws Fault not_found */
  get(name: string): CircuitView {
    const list = this.list();
    const found = list.find((circuit) => circuit.name === name);
    if (found) return found;
    const known = list.map((circuit) => circuit.name).join(", ") || "none";
    throw new Fault("not_found", `there is no circuit "${name.slice(0, 100)}"; this node has ${known}`);
  }

  /**
   * Closes or opens a breaker by hand; reset closes it too.
   * @throws Fault not_found; conflict for `database`, which only reset acts on; storage_error when that did not help
   */
  async operate(name: string, action: CircuitAction): Promise<CircuitView> {
    this.get(name);
    if (name === DATABASE && action !== "reset") {
      throw new Fault(
        "conflict",
        `the circuit database shows how the storage is and takes only reset; the panic level LIMITED stops writes`,
      );
    }
    const holders = this.sources.filter((source) => source.circuits().some((report) => report.name === name));
    await Promise.all(holders.map((source) => source.operate(name, action)));
    return this.get(name);
  }
}

/** Of breakers before the same outside the worst state counts. */
function viewOf(name: string, reports: readonly NamedReport[]): CircuitView {
  const most = (of: (report: NamedReport) => number) => Math.max(...reports.map(of));
  return {
    name,
    description: DESCRIPTIONS[name] ?? "A call to the outside.",
    state: WORST[most(({ state }) => WORST.indexOf(state))]!,
    failure_count: most(({ failures }) => failures),
    success_count: most(({ successes }) => successes),
    failure_threshold: LIMITS.circuitFailures,
    success_threshold: LIMITS.circuitSuccesses,
    reset_timeout_s: LIMITS.circuitOpenMs / 1000,
    half_open_max_calls: LIMITS.circuitTrials,
  };
}
