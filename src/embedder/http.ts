import { CircuitBreaker, type CircuitState, type Clock, LIMITS, LruMap } from "../base/mod.ts";
import { givenUp, Provider, ProviderFault, type ProviderOptions } from "./provider.ts";
import type { Embedder, Space } from "./space.ts";

/** Another way of preparing texts for providers needs a new version. */
const VERSION = 1;
/** Asks for the dimension where no text would. */
const PROBE = "dimension";

export interface HttpEmbedderOptions extends ProviderOptions {
  /** Size of the provider's vectors; 0 takes that of the first answer. */
  dimension: number;
  /** Vectors that are kept; 0 keeps none. */
  cacheSize: number;
  clock: Clock;
  /** Resolves after `ms`, or as soon as `signal` is aborted. */
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to below 1. */
  random?: () => number;
}

/**
 * Vectors from any OpenAI-compatible provider: batches that shrink when answers come late, bounded retries with
 * jittered backoff, a circuit breaker, a cache of short texts. Vectors are at length 1, all zero for blank texts,
 * and shared with the cache: not to be written to.
 */
export class HttpEmbedder implements Embedder {
  readonly kind = "http";
  readonly circuit: CircuitBreaker;
  private readonly provider: Provider;
  private readonly cache: LruMap<Float32Array<ArrayBuffer>>;
  private readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  private readonly random: () => number;
  private dimension: number;
  /** Texts of the next request; halved when one is late, doubled when one is answered. */
  private batch: number = LIMITS.embedBatch;

  constructor(private readonly options: HttpEmbedderOptions) {
    this.provider = new Provider(options);
    this.circuit = new CircuitBreaker("the embedding provider", options.clock);
    this.cache = new LruMap(options.cacheSize);
    this.dimension = options.dimension;
    this.sleep = options.sleep ?? sleep;
    this.random = options.random ?? Math.random;
  }

  /** Its dimension is 0 until the first answer, where the configuration names none. */
  get space(): Space {
    return { model: this.options.model, dimension: this.dimension, version: VERSION };
  }

  state(): CircuitState {
    return this.circuit.state();
  }

  /** Opens or closes the breaker by hand; reset closes it too. */
  operate(action: "reset" | "open" | "close"): void {
    if (action === "open") this.circuit.open();
    else this.circuit.close();
  }

  /**
   * The vectors of `texts`, each cut at LIMITS.embedTextChars.
   * @throws Fault unreachable when the provider is away or answers wrongly: try later; invalid_input when it does not
   * take one of the texts: send them one by one to learn which; deadline_exceeded when `signal` is aborted
   */
  async embedMany(texts: readonly string[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>[]> {
    const keys = texts.map((text) => text.slice(0, LIMITS.embedTextChars));
    const found = new Map<string, Float32Array<ArrayBuffer>>();
    for (const key of keys) {
      const known = this.cache.get(key);
      if (known !== undefined) found.set(key, known);
    }
    const missing = [...new Set(keys)].filter((key) => key.trim() !== "" && !found.has(key));
    if (missing.length === 0 && this.dimension === 0 && texts.length > 0) missing.push(PROBE);
    await this.ask(missing, signal, (key, vector) => {
      found.set(key, vector);
      if (key.length <= LIMITS.embedCacheChars) this.cache.set(key, vector);
    });
    return keys.map((key) => found.get(key) ?? new Float32Array(this.dimension));
  }

  private async ask(
    texts: readonly string[],
    signal: AbortSignal,
    take: (text: string, vector: Float32Array<ArrayBuffer>) => void,
  ): Promise<void> {
    let tries = 0;
    for (let at = 0; at < texts.length; ) {
      const batch = this.nextBatch(texts, at);
      try {
        const vectors = await this.circuit.run(() => this.request(batch, signal), speaksAgainstProvider);
        for (const [i, text] of batch.entries()) take(text, vectors[i]!);
        at += batch.length;
        tries = 0;
        this.batch = Math.min(LIMITS.embedBatch, this.batch * 2);
      } catch (error) {
        if (!isWorthRetrying(error) || ++tries === LIMITS.embedTries) throw error;
        await this.pause(tries, signal);
      }
    }
  }

  private nextBatch(texts: readonly string[], from: number): string[] {
    let end = from;
    let characters = 0;
    while (end < texts.length && end - from < this.batch) {
      characters += texts[end]!.length;
      if (end > from && characters > LIMITS.embedBatchChars) break;
      end++;
    }
    return texts.slice(from, end);
  }

  private async request(texts: readonly string[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>[]> {
    if (signal.aborted) throw givenUp(signal.reason);
    try {
      const vectors = await this.provider.embed(texts, signal);
      this.checkDimension(vectors);
      return vectors;
    } catch (error) {
      if (error instanceof ProviderFault && error.kind === "late") {
        this.batch = Math.max(1, Math.floor(texts.length / 2));
      }
      throw error;
    }
  }

  /** Vectors of another size than before belong to another space and must not come among these. */
  private checkDimension(vectors: readonly Float32Array[]): void {
    const wanted = this.dimension === 0 ? vectors[0]!.length : this.dimension;
    const other = vectors.find(({ length }) => length !== wanted);
    if (other !== undefined || wanted > LIMITS.vectorDimensions) {
      const got = other?.length ?? wanted;
      const limit = this.dimension === 0 ? `at most ${LIMITS.vectorDimensions}` : String(wanted);
      throw this.provider.fault(
        "wrong",
        `gives vectors of ${got} numbers for the model ${this.options.model}, not ${limit}; correct embedder.model or embedder.dimension`,
      );
    }
    this.dimension = wanted;
  }

  private async pause(tries: number, signal: AbortSignal): Promise<void> {
    const most = LIMITS.embedPauseMs * 2 ** (tries - 1);
    // Half of the pause is random, so that many nodes do not come back at the same moment.
    await this.sleep(most * (0.5 + this.random() / 2), signal);
    if (signal.aborted) throw givenUp(signal.reason);
  }
}

function speaksAgainstProvider(error: unknown): boolean {
  return error instanceof ProviderFault && error.kind !== "refused";
}

function isWorthRetrying(error: unknown): boolean {
  return error instanceof ProviderFault && (error.kind === "late" || error.kind === "away");
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
