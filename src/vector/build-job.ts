import type { FromBuilder, Plan, ToBuilder } from "./build-protocol.ts";
import { signed } from "./kernel.ts";
import type { Seal } from "./snapshot.ts";
import type { VectorSource, WorldVectors } from "./types.ts";

/** Rows given to the thread at once. */
const BATCH = 1024;

export interface JobOptions {
  source: VectorSource;
  dimension: number;
  world: WorldVectors;
  path: string;
  /** Where the native library lies. */
  lib: string;
}

/** One verification or build on a thread of its own, fed from here between other work. */
export class BuildJob {
  readonly done: Promise<Seal>;
  /** Rows that are in the graph so far. */
  rows = 0;
  private readonly worker = new Worker(new URL("./index-build-thread.ts", import.meta.url));
  private settle!: { resolve: (seal: Seal) => void; reject: (why: Error) => void };

  /** @param plan what is built; absent = the snapshot at the path is verified */
  constructor(
    private readonly options: JobOptions,
    build?: { plan: Plan; extend: boolean },
  ) {
    this.done = new Promise<Seal>((resolve, reject) => {
      this.settle = { resolve, reject };
    }).finally(() => this.worker.terminate());
    this.worker.onmessage = ({ data }: { data: FromBuilder }) => this.receive(data);
    this.worker.onerror = (event) => this.cancel(event.message);
    this.worker.addEventListener("close", () => this.cancel("the thread ended"));
    const { path, dimension, lib } = options;
    this.post(build ? { build: { path, lib, dimension, ...build } } : { verify: { path } });
  }

  /** Ends the thread; after `done` it does nothing. */
  cancel(why: string): void {
    this.settle.reject(new Error(why));
  }

  private post(message: ToBuilder, transfer: ArrayBuffer[] = []): void {
    this.worker.postMessage(message, transfer);
  }

  private receive(message: FromBuilder): void {
    if ("verified" in message) this.settle.resolve(message.verified);
    else if ("failed" in message) this.cancel(message.failed);
    else {
      this.rows = message.next.done;
      try {
        this.feed(message.next.after);
      } catch (cause) {
        this.cancel(cause instanceof Error ? cause.message : String(cause));
      }
    }
  }

  /** Posts the rows after a sequence, up to the newest when the job began, so that it ends under writes too. */
  private feed(after: number): void {
    const { source, dimension, world } = this.options;
    let at = after;
    for (;;) {
      const batch = source.scan(world.id, at, BATCH).filter(({ seq }) => seq <= world.lastSeq);
      const rows = batch.filter(({ q }) => q.length === dimension);
      if (rows.length > 0 || batch.length === 0) {
        const seqs = Float64Array.from(rows, ({ seq }) => seq);
        const bytes = new Int8Array(rows.length * dimension);
        for (const [i, { q }] of rows.entries()) bytes.set(signed(q), i * dimension);
        this.post({ rows: { seqs, bytes } }, [seqs.buffer, bytes.buffer]);
        return;
      }
      at = batch.at(-1)!.seq;
    }
  }
}
