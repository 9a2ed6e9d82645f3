import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { MB } from "../base/mod.ts";
import {
  ChildNode,
  Dice,
  type Latencies,
  latencies,
  memory,
  postRequest,
  RawClient,
  sentence,
} from "../load/mod.ts";
import { yardstick } from "./yardstick.ts";

export interface BenchOptions {
  /** Sizes of the world, ascending. */
  sizes: number[];
  /** Directory on whose file system is measured. */
  parent: string;
  progress: (what: string) => void;
}

interface SizeFigures {
  atoms: number;
  worlds: number;
  ask: Latencies;
  /** The same questions to plain `bm25 … OR … LIMIT 10` over as many atoms; one world only. */
  bm25_or?: Latencies;
  replay: Latencies;
  rss_mb: number;
  disk_bytes_per_atom: number;
}

export interface BenchReport {
  start_ms: number;
  idle_rss_mb: number;
  peak_rss_mb: number;
  bare_transaction: Latencies;
  remember_1: Latencies & { written_bytes_per_atom: number; p50_to_bare_transaction: number };
  remember_64: Latencies & { fsyncs_per_atom: number; to_one_client: number };
  batch_100: Latencies & { written_bytes_per_atom: number };
  sizes: SizeFigures[];
}

const SINGLES = 2000;
const GROUPED = 20_000;
const CLIENTS = 64;
const BATCH = 100;
const BATCHES = 100;
const ASKS = 200;
const REPLAYS = 50;
/** Worlds that the largest size is spread over in the last round. */
const WORLDS = 100;

const inMb = (bytes: number): number => Math.round((bytes / MB) * 10) / 10;

/** Sends `total` requests over `clients` connections. @returns latencies, counted in requests times `items` */
async function load(
  port: number,
  clients: number,
  total: number,
  make: (n: number) => Uint8Array,
  items = 1,
): Promise<Latencies> {
  const connections = await Promise.all(
    Array.from({ length: clients }, () => RawClient.connect("127.0.0.1", port)),
  );
  // made before, so that on a small machine the node is measured and not the making of requests
  const requests = Array.from({ length: total }, (_, n) => make(n));
  const times: number[] = [];
  let next = 0;
  const began = performance.now();
  const work = async (client: RawClient): Promise<void> => {
    while (next < total) {
      const request = requests[next++]!;
      const start = performance.now();
      const status = await client.send(request);
      times.push(performance.now() - start);
      if (status !== 200) throw new Error(`the node answered ${status}: ${client.body.slice(0, 200)}`);
    }
  };
  await Promise.all(connections.map(work));
  const result = latencies(times, performance.now() - began, items);
  for (const client of connections) client.close();
  return result;
}

class Bench {
  private readonly dice = new Dice(3);
  private stored = 0;

  constructor(
    private readonly node: ChildNode,
    private readonly progress: (what: string) => void,
    private readonly worlds = 1,
  ) {}

  private next(): Record<string, unknown> {
    const n = this.stored++;
    return memory(this.dice, n, this.worldOf(n));
  }

  private worldOf(n: number): string {
    return this.worlds === 1 ? "bench" : `bench-${n % this.worlds}`;
  }

  private one = (): Uint8Array => postRequest("/remember", this.next());

  private many(count: number): Uint8Array {
    return postRequest("/remember/batch", {
      atoms: Array.from({ length: count }, () => this.next()),
    });
  }

  private async grow(to: number): Promise<void> {
    const batches = Math.ceil((to - this.stored) / 1000);
    if (batches > 0)
      await load(this.node.port, 1, batches, () => this.many(Math.min(1000, to - this.stored)));
  }

  async singles(bareP50: number): Promise<BenchReport["remember_1"]> {
    this.progress(`remember, one client, ${SINGLES} times`);
    const before = this.node.writtenBytes();
    const figures = await load(this.node.port, 1, SINGLES, this.one);
    const written = this.node.writtenBytes() - before;
    return {
      ...figures,
      written_bytes_per_atom: Math.round(written / SINGLES),
      p50_to_bare_transaction: Math.round((figures.p50_ms / bareP50) * 100) / 100,
    };
  }

  async grouped(single: Latencies): Promise<BenchReport["remember_64"]> {
    this.progress(`remember, ${CLIENTS} clients, ${GROUPED} times`);
    await Bun.sleep(1500);
    const before = await this.node.metric("dwbase_fsyncs_total");
    const figures = await load(this.node.port, CLIENTS, GROUPED, this.one);
    await Bun.sleep(1500);
    const fsyncs = (await this.node.metric("dwbase_fsyncs_total")) - before;
    return {
      ...figures,
      fsyncs_per_atom: Math.round((fsyncs / GROUPED) * 10_000) / 10_000,
      to_one_client: Math.round((figures.per_second / single.per_second) * 100) / 100,
    };
  }

  async batches(): Promise<BenchReport["batch_100"]> {
    this.progress(`batches of ${BATCH}, ${BATCHES} times`);
    const before = this.node.writtenBytes();
    const figures = await load(this.node.port, 1, BATCHES, () => this.many(BATCH), BATCH);
    const written = this.node.writtenBytes() - before;
    return { ...figures, written_bytes_per_atom: Math.round(written / (BATCH * BATCHES)) };
  }

  async size(atoms: number): Promise<SizeFigures> {
    this.progress(`${atoms} memories: growing`);
    await this.grow(atoms);
    await Bun.sleep(3000);
    this.progress(`${atoms} memories: ${ASKS} questions, ${REPLAYS} replay pages`);
    const dice = new Dice(4);
    const ask = await load(this.node.port, 1, ASKS, (n) =>
      postRequest("/ask", { world: this.worldOf(n), text: sentence(dice, 5) }),
    );
    const replay = await load(this.node.port, 1, REPLAYS, (n) =>
      postRequest("/replay", { world: this.worldOf(n), filter: { limit: 100 } }),
    );
    return {
      atoms,
      worlds: this.worlds,
      ask,
      replay,
      rss_mb: inMb(this.node.rssBytes()),
      disk_bytes_per_atom: Math.round(this.node.diskBytes() / Math.max(1, this.stored)),
    };
  }
}

/** Measures this very program as a node of its own, in temporary directories. */
export async function bench(options: BenchOptions): Promise<BenchReport> {
  const { sizes, parent, progress } = options;
  progress("the yardstick: bare transactions and plain bm25");
  const bare = yardstick(parent, sizes);
  const newNode = () => new ChildNode(mkdtempSync(join(parent, "dwbase-bench-")));
  const small = newNode();
  const large = newNode();
  const spread = newNode();
  try {
    await small.start();
    await Bun.sleep(2000);
    const idle = small.rssBytes();
    const writes = new Bench(small, progress);
    const remember1 = await writes.singles(bare.transaction.p50_ms);
    const remember64 = await writes.grouped(remember1);
    const batch100 = await writes.batches();
    await small.stop();
    await large.start();
    const reads = new Bench(large, progress);
    const figures: SizeFigures[] = [];
    for (const [at, atoms] of sizes.entries()) {
      figures.push({ ...(await reads.size(atoms)), bm25_or: bare.bm25_or[at]! });
    }
    const peak = large.peakRssBytes();
    await large.stop();
    await spread.start();
    figures.push(await new Bench(spread, progress, WORLDS).size(sizes.at(-1)!));
    return {
      start_ms: Math.round(small.startMs),
      idle_rss_mb: inMb(idle),
      peak_rss_mb: inMb(peak),
      bare_transaction: bare.transaction,
      remember_1: remember1,
      remember_64: remember64,
      batch_100: batch100,
      sizes: figures,
    };
  } finally {
    for (const node of [small, large, spread]) {
      await node.stop();
      rmSync(node.dataDir, { recursive: true, force: true });
    }
  }
}
