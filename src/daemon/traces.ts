import { BUILD, CircuitBreaker, LIMITS, systemClock } from "../base/mod.ts";
import type { Config } from "../config/mod.ts";
import type { CircuitAction, CircuitSource, FlagReader, NamedReport } from "../control/mod.ts";
import { type Logger, openTracing, type Tracing } from "../telemetry/mod.ts";

const CIRCUIT = "otlp";

/** Traces where telemetry.otel_enabled asks for them, and the flag `telemetry` does not say otherwise. */
export class Traces implements CircuitSource {
  private readonly circuit = new CircuitBreaker("the trace collector", systemClock);
  private open: Tracing | undefined;

  constructor(
    private readonly settings: Config["telemetry"],
    private readonly flags: FlagReader,
    private readonly logger: Logger,
  ) {}

  /** Loads what makes traces; a node without them never does. Never rejects. */
  async start(): Promise<void> {
    const { otelEnabled, otelEndpoint: endpoint } = this.settings;
    if (!otelEnabled) return;
    try {
      const instance = crypto.randomUUID();
      this.open = await openTracing({ endpoint, version: BUILD.version, instance, circuit: this.circuit });
    } catch (cause) {
      this.logger.error({ err: cause }, "traces cannot be made: the node goes on without");
    }
  }

  /** What makes the traces of a request that begins now, if anything. */
  current(): Tracing | undefined {
    return this.open && this.flags.enabled("telemetry") ? this.open : undefined;
  }

  async stop(): Promise<void> {
    await this.open?.shutdown(LIMITS.traceStopMs);
  }

  circuits(): readonly NamedReport[] {
    return this.open ? [{ name: CIRCUIT, ...this.circuit.report() }] : [];
  }

  async operate(_name: string, action: CircuitAction): Promise<void> {
    if (action === "open") this.circuit.open();
    else this.circuit.close();
  }
}
