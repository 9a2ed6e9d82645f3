import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Clock, ensureDir, equalBytes, Fault, LIMITS, MB } from "../base/mod.ts";
import { loadAddon } from "./addon.ts";
import { BuildJob, type JobOptions } from "./build-job.ts";
import type { Duplicates } from "./duplicates.ts";
import { readDuplicates, type Seal } from "./snapshot.ts";
import { snapshotName } from "./sweep.ts";
import type { VectorSource, WorldVectors } from "./types.ts";
import { GRAPH_KIND, Graph } from "./usearch.ts";

export interface AnnOptions {
  /** Where snapshots lie; made when missing. One index at a time may use it. */
  dir: string;
  /** A directory of ours alone, where the native library may be laid down. */
  lib: string;
  /** Gets why the native library cannot be used. */
  onUnusable?: (why: string) => void;
  /** Id of the space, for the name of the file. */
  space: number;
  /** What the vectors are of and by: store id, model and version. A snapshot of anything else is not used. */
  identity: string;
  /** False: a snapshot is only how a graph comes from the building thread, and is deleted at once. */
  persist: boolean;
  /** Vectors of a world from which a graph serves. */
  fromRows: number;
  /** Bytes that graphs may take in memory together. */
  bytes: number;
  /** Bytes that a snapshot may take on the disk; absent: as many as it needs. */
  room?: () => number;
  clock: Clock;
  /** While it rests no build begins. */
  gate?: { readonly resting: boolean };
  /** Gets a sentence about each snapshot that is deleted and each build that failed. */
  log: (message: string) => void;
}

/** A graph in memory: all rows of a world up to a sequence. */
export interface Serving {
  graph: Graph;
  duplicates: Duplicates;
  seal: Seal;
  /** Monotonic ms at which it was built or read. */
  since: number;
}

export interface AnnStatus {
  /** Vectors that the graph covers. */
  indexed: number;
  rebuilding: boolean;
  /** Part of the build under way, 0 to 1; 1 when there is none. */
  progress: number;
  /** Wall clock ms; when the build under way began, and when the last one ended. */
  startedAt: number | undefined;
  lastRebuilt: number | undefined;
  /** Why a world that is large enough has no graph, and none is being built. */
  why: string | undefined;
}

/** What is known of a world beside its graph. */
interface Record {
  lastRebuilt?: number;
  failure?: { why: string; at: number };
  /** Its snapshot, if any, was looked at. */
  looked?: true;
}

/** Memory of a graph per vector beside its components: 300 as read, more while it grows (see DESIGN.md). */
const GRAPH_ROW_BYTES = 448;

/** The graphs of the worlds of one space: read, built and replaced in the background, one at a time. */
export class AnnGraphs {
  private readonly graphs = new Map<number, Serving>();
  private readonly records = new Map<number, Record>();
  private readonly identity: Uint8Array;
  private job:
    | { world: number; size: number; startedAt: number; run: BuildJob; end: Promise<void> }
    | undefined;
  private closed = false;

  /** @throws Fault disk_full or storage_error when the directory cannot be made */
  constructor(
    private readonly source: VectorSource,
    private readonly dimension: number,
    private readonly options: AnnOptions,
  ) {
    ensureDir(options.dir);
    const kind = JSON.stringify([options.identity, options.space, dimension, GRAPH_KIND]);
    this.identity = new Uint8Array(new Bun.CryptoHasher("sha256").update(kind).digest());
  }

  /** The graph of a world; without one, reading or building it begins when it is large enough. */
  serving(world: WorldVectors): Serving | undefined {
    const serving = this.graphs.get(world.id);
    if (serving) {
      this.graphs.delete(world.id);
      this.graphs.set(world.id, serving);
      return serving;
    }
    if (world.size >= this.options.fromRows) this.begin(world);
    return undefined;
  }

  /**
   * After a search that had `tail` rows beyond the graph: begins what is due. Removed rows are filtered by the search;
   * their graph is replaced at most hourly, unless its tail has become long.
   */
  refresh(world: WorldVectors, serving: Serving, tail: number): void {
    const { seal, since } = serving;
    const removed = seal.epoch !== world.epoch;
    const rows = seal.count + seal.duplicates;
    const hourly = this.options.clock.monotonic() - since >= LIMITS.annRebuildMs;
    const long = removed ? Math.max(LIMITS.annTailRows, rows / 4) : LIMITS.annTailRows;
    if ((removed && hourly) || tail > long) this.begin(world);
  }

  status(world: number): AnnStatus {
    const seal = this.graphs.get(world)?.seal;
    const record = this.records.get(world);
    const job = this.job?.world === world ? this.job : undefined;
    return {
      indexed: seal ? seal.count + seal.duplicates : 0,
      rebuilding: job !== undefined,
      progress: job ? Math.min(1, job.run.rows / Math.max(1, job.size)) : 1,
      startedAt: job?.startedAt,
      lastRebuilt: record?.lastRebuilt,
      why: job ? undefined : record?.failure?.why,
    };
  }

  /** Forgets the graph of a world and deletes its snapshot. */
  drop(world: number): void {
    this.graphs.delete(world);
    if (this.job?.world === world) this.job.run.cancel("the world was dropped");
    rmSync(this.path(world), { force: true });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.job) await this.job.end;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.job?.run.cancel("the index is closed");
    await this.idle();
  }

  private path(world: number): string {
    return join(this.options.dir, snapshotName(world, this.options.space));
  }

  private record(world: number): Record {
    let record = this.records.get(world);
    if (!record) {
      record = {};
      this.records.set(world, record);
    }
    return record;
  }

  /** Starts the read or the build of a world's graph, unless something else is under way or it failed lately. */
  private begin(world: WorldVectors): void {
    if (this.job || this.closed || this.options.gate?.resting) return;
    const record = this.record(world.id);
    const { clock } = this.options;
    if (record.failure && clock.monotonic() - record.failure.at < LIMITS.annRetryMs) return;
    delete record.failure;
    try {
      this.checkRoom(world);
      this.requireAddon();
      this.start(world, record);
    } catch (cause) {
      this.failed(world.id, cause);
    }
  }

  /** @throws Fault storage_error, told on for the health of the node */
  private requireAddon(): void {
    const { lib, log, onUnusable } = this.options;
    try {
      loadAddon(lib, log);
    } catch (cause) {
      onUnusable?.(messageOf(cause));
      throw cause;
    }
  }

  private start(world: WorldVectors, record: Record): void {
    const path = this.path(world.id);
    const { lib } = this.options;
    const options: JobOptions = { source: this.source, dimension: this.dimension, world, path, lib };
    const verify = !record.looked && this.options.persist && existsSync(path);
    record.looked = true;
    const base = this.graphs.get(world.id)?.seal;
    const extend = base?.epoch === world.epoch && existsSync(path);
    const plan = { identity: this.identity, world: world.id, epoch: world.epoch };
    const run = verify ? new BuildJob(options) : new BuildJob(options, { plan, extend });
    const end = run.done
      .then((seal) => this.install(world, seal, verify))
      .catch((cause) => this.ended(world, cause, verify))
      .then(() => {
        this.job = undefined;
        if (verify && !this.graphs.has(world.id)) this.begin(world);
      });
    this.job = { world: world.id, size: world.size, startedAt: this.options.clock.now(), run, end };
  }

  /** Takes a verified snapshot into memory. @throws Fault damaged when it does not fit the world */
  private install(world: WorldVectors, seal: Seal, read: boolean): void {
    const path = this.path(world.id);
    if (!equalBytes(seal.identity, this.identity) || seal.world !== world.id) {
      throw new Fault("damaged", `the vector index ${path} is of another space or store`);
    }
    if (seal.epoch !== world.epoch || seal.lastSeq > world.lastSeq) {
      throw new Fault("damaged", `the vector index ${path} is not of the world as it is now`);
    }
    const graph = new Graph(this.dimension, this.options.lib);
    graph.load(path);
    if (graph.size !== seal.count) throw new Fault("damaged", `the vector index ${path} has a wrong count`);
    const duplicates = readDuplicates(path);
    if (!this.options.persist) rmSync(path, { force: true });
    const { clock } = this.options;
    if (!read) this.record(world.id).lastRebuilt = clock.now();
    this.graphs.set(world.id, { graph, duplicates, seal, since: clock.monotonic() });
  }

  private ended(world: WorldVectors, cause: unknown, verify: boolean): void {
    if (this.closed) return;
    // A build that failed left what was there before.
    if (verify || cause instanceof Fault) rmSync(this.path(world.id), { force: true });
    if (verify) this.options.log(`${messageOf(cause)}; it is built anew`);
    else this.failed(world.id, cause);
  }

  private failed(world: number, cause: unknown): void {
    const why = messageOf(cause);
    this.record(world).failure = { why, at: this.options.clock.monotonic() };
    this.options.log(`no vector index for world ${world}, it is scanned instead: ${why}`);
  }

  /** Graphs that were not used for longest give way. @throws Fault when the world's graph is too large by itself */
  private checkRoom(world: WorldVectors): void {
    const { bytes } = this.options;
    const bytesOf = (rows: number): number => rows * (this.dimension + GRAPH_ROW_BYTES);
    const wanted = bytesOf(world.size);
    const mb = (n: number): string => `${Math.ceil(n / MB)} MB`;
    if (wanted > bytes) {
      throw new Fault(
        "storage_error",
        `it would take ${mb(wanted)} of memory, more than the ${mb(bytes)} set aside`,
      );
    }
    // beside the old one, while it is written
    const room = this.options.room?.() ?? Number.POSITIVE_INFINITY;
    if (wanted > room) {
      throw new Fault("disk_full", `its file would take ${mb(wanted)}, more than the disk budget leaves`);
    }
    let sum = wanted;
    for (const [id, { seal }] of [...this.graphs].reverse()) {
      if (id === world.id) continue;
      sum += bytesOf(seal.count);
      if (sum > bytes) this.graphs.delete(id);
    }
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
