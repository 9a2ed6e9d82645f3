import { appendFileSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { equalBytes, fsyncDir, syncFile } from "../base/mod.ts";
import type { FromBuilder, Plan, ToBuilder } from "./build-protocol.ts";
import { DuplicateFinder } from "./duplicates.ts";
import { encodeEnd, hashFile, verifySnapshot } from "./snapshot.ts";
import { Graph } from "./usearch.ts";

declare const self: {
  onmessage: ((event: { data: ToBuilder }) => void) | null;
  postMessage(message: FromBuilder): void;
};

/** The snapshot that is to be extended, or undefined when it is not what it was. */
function readBase(
  path: string,
  lib: string,
  dimension: number,
  plan: Plan,
): { graph: Graph; lastSeq: number } | undefined {
  try {
    const seal = verifySnapshot(path);
    if (seal.epoch !== plan.epoch || !equalBytes(seal.identity, plan.identity)) return undefined;
    const graph = new Graph(dimension, lib);
    graph.load(path);
    return { graph, lastSeq: seal.lastSeq };
  } catch {
    return undefined;
  }
}

/** Puts rows into a graph and writes its snapshot. */
class Build {
  private readonly graph: Graph;
  private readonly finder = new DuplicateFinder();
  /** Rows up to here are in the graph that is extended. */
  private readonly base: number;
  private after = 0;
  private done = 0;

  constructor(
    private readonly path: string,
    lib: string,
    private readonly dimension: number,
    private readonly plan: Plan,
    extend: boolean,
  ) {
    const base = extend ? readBase(path, lib, dimension, plan) : undefined;
    this.graph = base?.graph ?? new Graph(dimension, lib);
    this.base = base?.lastSeq ?? 0;
  }

  ask(): void {
    self.postMessage({ next: { after: this.after, done: this.done } });
  }

  add(seqs: Float64Array, bytes: Int8Array): void {
    const fresh: number[] = [];
    const packed = new Int8Array(bytes.length);
    seqs.forEach((seq, i) => {
      const row = bytes.subarray(i * this.dimension, (i + 1) * this.dimension);
      // Rows of the base pass by too, so that equal ones are found.
      if (!this.finder.isNew(seq, row) || seq <= this.base) return;
      packed.set(row, fresh.length * this.dimension);
      fresh.push(seq);
    });
    this.graph.add(fresh, packed.subarray(0, fresh.length * this.dimension).slice());
    this.after = seqs.at(-1) ?? this.after;
    this.done += seqs.length;
  }

  /** Returns the path of the snapshot. */
  save(): string {
    const temp = `${this.path}.tmp`;
    try {
      this.graph.save(temp);
      const hash = new Bun.CryptoHasher("sha256");
      const graphBytes = hashFile(temp, hash);
      const seal = { ...this.plan, lastSeq: this.after, count: this.graph.size };
      appendFileSync(temp, encodeEnd(seal, graphBytes, this.finder.duplicates(), hash));
      syncFile(temp);
      renameSync(temp, this.path);
      fsyncDir(dirname(this.path));
      return this.path;
    } catch (cause) {
      rmSync(temp, { force: true });
      throw cause;
    }
  }
}

let build: Build | undefined;

function take(message: ToBuilder): void {
  if ("verify" in message) {
    self.postMessage({ verified: verifySnapshot(message.verify.path) });
  } else if ("build" in message) {
    const { path, lib, dimension, plan, extend } = message.build;
    build = new Build(path, lib, dimension, plan, extend);
    build.ask();
  } else if (message.rows.seqs.length > 0) {
    build!.add(message.rows.seqs, message.rows.bytes);
    build!.ask();
  } else {
    const path = build!.save();
    self.postMessage({ verified: verifySnapshot(path) });
  }
}

/** A short-lived thread: checks a snapshot, or builds one from the rows it is given, and says how it went. */
self.onmessage = ({ data }) => {
  try {
    take(data);
  } catch (cause) {
    self.postMessage({ failed: cause instanceof Error ? cause.message : String(cause) });
  }
};
