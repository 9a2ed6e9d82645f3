import { rmSync } from "node:fs";
import { type Clock, LIMITS, type Stage, volatileDir } from "../base/mod.ts";
import type { CircuitAction, Gate, NamedReport } from "../control/mod.ts";
import {
  createEmbedder,
  type EmbedderSettings,
  HttpEmbedder,
  quantise,
  type Space,
  StaticEmbedder,
  spaceName,
} from "../embedder/mod.ts";
import type { Semantic, SemanticQuery, SemanticSearch } from "../recall/mod.ts";
import { diskRoom, isBehind, isCorrupt, type StoreReader, spaceId, type WorldRow } from "../storage/mod.ts";
import {
  type AnnOptions,
  type AnnStatus,
  annFromRows,
  SqliteVectors,
  slabRows,
  sweepSnapshots,
  VectorIndex,
} from "../vector/mod.ts";
import type { VectorBudget } from "./protocol.ts";

export interface SemanticOptions {
  settings: EmbedderSettings;
  /** The built-in model; undefined when the node makes no vectors. */
  model: SharedArrayBuffer | undefined;
  budget: VectorBudget;
  /** Bytes that the data directory may take; 0 = a part of the volume. */
  diskBudget: number;
  clock: Clock;
  /** Graphs are built while background work may be done. */
  gate: Pick<Gate, "resting">;
  log: (message: string) => void;
  /** Gets why graphs cannot be used at all. */
  onUnusable: (why: string) => void;
}

/** A question's vector from the provider, or why there is none. */
export type Prepared = { vector: Int8Array } | { why: string };

const SHORT = "the node is short of memory: memories are found by their words alone";
const DAMAGED =
  'the vectors are damaged: memories are found by their words alone; stop the node and run "dwbase storage reindex"';
const NONE = "this node makes no vectors: memories are found by their words alone";

/** The recall thread's semantic half: embeds questions and searches the space that serves a world now. */
export class SemanticSide {
  private readonly local: StaticEmbedder | undefined;
  private readonly remote: HttpEmbedder | undefined;
  private readonly indexes = new Map<number, VectorIndex>();
  private stage: Stage = "ok";
  /** Indexes that are being closed: their files are theirs until then. */
  private closing = 0;

  constructor(
    private readonly reader: StoreReader,
    private readonly options: SemanticOptions,
  ) {
    const { settings, model, clock } = options;
    const chosen = createEmbedder(settings, model, clock);
    this.remote = chosen instanceof HttpEmbedder ? chosen : undefined;
    // beside a provider it answers for worlds that are embedded anew
    this.local = chosen && model ? new StaticEmbedder(model) : undefined;
  }

  /** The space that new atoms are embedded in; undefined without an embedder. */
  get space(): Space | undefined {
    return (this.remote ?? this.local)?.space;
  }

  /** Asks the provider for a question's vector, where there is one to ask. Never rejects. */
  async prepare(question: string): Promise<Prepared | undefined> {
    if (!this.remote) return undefined;
    try {
      const [vector] = await this.remote.embedMany(
        [question],
        AbortSignal.timeout(this.options.settings.timeoutMs),
      );
      return vector ? { vector: quantise(vector) } : { why: "the embedding provider gave no vector" };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      return {
        why: `the embedding provider cannot be used now (${reason}): memories are found by their words alone`,
      };
    }
  }

  /** The breaker before the provider, where there is one. */
  circuits(): NamedReport[] {
    return this.remote ? [{ name: "embedding", ...this.remote.circuit.report() }] : [];
  }

  operate(action: CircuitAction): void {
    this.remote?.operate(action);
  }

  /** Whether a provider must be asked before a snapshot is opened. */
  get asksProvider(): boolean {
    return this.remote !== undefined;
  }

  /** While memory is short no graph is kept, and only worlds of one slab are scanned; larger ones are found by words. */
  press(stage: Stage): void {
    this.stage = stage;
    this.shed();
  }

  /** Forgets vectors and graphs in memory; they are read again when they are asked for and there is room. */
  shed(): void {
    for (const index of this.indexes.values()) {
      this.closing += 1;
      void index.close().finally(() => {
        this.closing -= 1;
        // made meanwhile, without a graph
        if (this.closing === 0) this.indexes.clear();
      });
    }
    this.indexes.clear();
  }

  search(prepared: Prepared | undefined, checkDeadline: () => void): SemanticSearch {
    return (query) => this.find(query, prepared, checkDeadline);
  }

  /** Damaged vectors leave the words. */
  private find(
    query: SemanticQuery,
    prepared: Prepared | undefined,
    checkDeadline: () => void,
  ): Semantic | { mode: "lexical"; why: string } {
    try {
      return this.choose(query, prepared, checkDeadline);
    } catch (cause) {
      if (!isCorrupt(cause)) throw cause;
      return { mode: "lexical", why: DAMAGED };
    }
  }

  private choose(
    query: SemanticQuery,
    prepared: Prepared | undefined,
    checkDeadline: () => void,
  ): Semantic | { mode: "lexical"; why: string } {
    const { remote, local } = this;
    if (remote && prepared && "vector" in prepared && !this.isBehind(remote.space, query.world)) {
      return this.nearest(remote.space, query, prepared.vector, checkDeadline);
    }
    if (local && (!remote || !this.isBehind(local.space, query.world))) {
      const vector = local.embedInt8(query.text);
      return this.nearest(local.space, query, vector, checkDeadline);
    }
    if (remote && prepared && "vector" in prepared) {
      return this.nearest(remote.space, query, prepared.vector, checkDeadline);
    }
    return { mode: "lexical", why: prepared && "why" in prepared ? prepared.why : NONE };
  }

  private isBehind(space: Space, world: WorldRow): boolean {
    const id = spaceId(this.reader.db, space);
    return id === undefined || isBehind(this.reader.db, id, world.id);
  }

  private nearest(
    space: Space,
    query: SemanticQuery,
    vector: Int8Array,
    checkDeadline: () => void,
  ): Semantic | { mode: "lexical"; why: string } {
    const id = spaceId(this.reader.db, space);
    if (id === undefined) return { mode: "lexical", why: `nothing is embedded by ${spaceName(space)} yet` };
    const { world, accept, expect, few } = query;
    if (this.stage !== "ok" && world.docs > slabRows(space.dimension)) return { mode: "lexical", why: SHORT };
    const found = this.index(id, space).search(
      { id: world.id, lastSeq: world.last_seq, epoch: world.forget_epoch, size: world.docs },
      vector,
      LIMITS.askCandidates,
      { accept, expect, few, checkDeadline },
    );
    return { model: space.model, mode: found.mode, best: found.hits, cosine: found.cosine };
  }

  /** Deletes snapshots that may hold forgotten vectors. @param unfinished also those that a killed node left */
  sweep(unfinished: boolean): void {
    const { db, place } = this.reader;
    const epochOf = (world: number, space: number): number | undefined => {
      // no vector of an encrypted store lies in a file
      if (this.reader.encrypted) return undefined;
      const known = this.space !== undefined && spaceId(db, this.space) === space;
      return known ? this.reader.worldOf(world)?.forget_epoch : undefined;
    };
    const stale = sweepSnapshots(place.index, epochOf, unfinished);
    // graphs come by way of memory there; what a killed node left goes at the start
    if (this.reader.encrypted && unfinished)
      stale.push(...sweepSnapshots(this.graphDir ?? "", epochOf, true));
    for (const name of stale) this.options.log(`the vector snapshot ${name} is out of date and was deleted`);
  }

  /** How a world's graph stands, where it has one. */
  status(world: number): AnnStatus | undefined {
    const id = this.space && spaceId(this.reader.db, this.space);
    return id === undefined ? undefined : this.indexes.get(id)?.status(world);
  }

  async close(): Promise<void> {
    for (const index of this.indexes.values()) await index.close();
    if (this.reader.encrypted && this.graphDir) rmSync(this.graphDir, { recursive: true, force: true });
  }

  /** Where graphs are handed over; undefined: in an encrypted store without a place in memory worlds are scanned. */
  private get graphDir(): string | undefined {
    const { encrypted, place } = this.reader;
    return encrypted ? volatileDir(place.dir) : place.index;
  }

  /** Graphs serve the space of new atoms alone: an older one is on its way out. */
  private graphs(id: number, space: Space): { ann?: AnnOptions } {
    const { budget, clock, gate, log } = this.options;
    const dir = this.graphDir;
    if (dir === undefined || this.stage !== "ok" || this.closing > 0) return {};
    if (budget.graphBytes === 0 || spaceName(space) !== (this.space && spaceName(this.space))) return {};
    return {
      ann: {
        dir,
        lib: this.reader.place.lib,
        room: () => diskRoom(this.reader.place, this.options.diskBudget),
        onUnusable: this.options.onUnusable,
        space: id,
        identity: `${this.reader.nodeId()} ${spaceName(space)}`,
        persist: !this.reader.encrypted,
        fromRows: budget.graphFrom || annFromRows(space.dimension),
        bytes: budget.graphBytes,
        clock,
        gate,
        log,
      },
    };
  }

  private index(id: number, space: Space): VectorIndex {
    let index = this.indexes.get(id);
    if (!index) {
      index = new VectorIndex({
        source: new SqliteVectors(this.reader.db, id, this.reader.vectorOpener(id)),
        dimension: space.dimension,
        cacheBytes: this.options.budget.cacheBytes,
        ...this.graphs(id, space),
      });
      this.indexes.set(id, index);
    }
    return index;
  }
}
