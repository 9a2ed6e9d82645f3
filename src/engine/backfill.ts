import { Fault } from "../base/mod.ts";
import type { Gate } from "../control/mod.ts";
import { type Embedder, quantise } from "../embedder/mod.ts";
import type { StoreWriter } from "../storage/mod.ts";

/** Atoms embedded at a time; between them the writer serves what waits. */
const SLICE = 128;
/** Pause after the embedder failed. */
const RETRY_MS = 5000;

/**
 * Embeds atoms that have no vector yet: all of them with an embedder that must be waited for, those from before with
 * one that is new. Goes on where it stopped, since the vectors themselves tell how far it came.
 */
export class Backfill {
  private running = false;
  private timer: Timer | undefined;
  private readonly abort = new AbortController();
  /** Why it does not get on, or "". */
  trouble = "";

  constructor(
    private readonly writer: StoreWriter,
    private readonly embedder: Embedder,
    private readonly gate: Pick<Gate, "resting">,
  ) {}

  /** Whether there may be atoms without a vector. */
  get behind(): boolean {
    return this.running || this.timer !== undefined;
  }

  /** Called when there may be something to do. */
  kick(): void {
    if (this.running || this.timer || this.abort.signal.aborted || this.gate.resting) return;
    this.running = true;
    void this.run().finally(() => {
      this.running = false;
    });
  }

  stop(): void {
    clearTimeout(this.timer);
    this.abort.abort();
  }

  private async run(): Promise<void> {
    try {
      while (!this.abort.signal.aborted && !this.gate.resting && (await this.slice())) await Bun.sleep(0);
      this.trouble = "";
    } catch (cause) {
      this.trouble = cause instanceof Error ? cause.message : String(cause);
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.kick();
      }, RETRY_MS);
    }
  }

  /** @returns whether there may be more */
  private async slice(): Promise<boolean> {
    if (this.writer.full) throw new Fault("disk_full", "vectors wait for space on the disk");
    const waiting = this.writer.nextUnembedded(SLICE);
    if (!waiting) return false;
    const vectors = await this.embed(waiting.atoms.map((atom) => atom.text));
    if (this.abort.signal.aborted || this.gate.resting) return false;
    const made = waiting.atoms.map(({ seq }, at) => ({ seq, q: quantise(vectors[at]!) }));
    // vectors can be made again: no fsync of their own
    this.writer.commitOne((ctx) => ctx.vectors.fill(waiting.world, made), true);
    return true;
  }

  /** A text that the provider does not take gets the zero vector, which is near to nothing, so that others go on. */
  private async embed(texts: string[]): Promise<Float32Array[]> {
    try {
      return await this.embedder.embedMany(texts, this.abort.signal);
    } catch (cause) {
      if (!(cause instanceof Fault) || cause.code !== "invalid_input") throw cause;
      if (texts.length === 1) return [new Float32Array(this.embedder.space.dimension)];
      const vectors: Float32Array[] = [];
      for (const text of texts) vectors.push(...(await this.embed([text])));
      return vectors;
    }
  }
}
