import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault, MB, ownCommand, systemClock } from "../base/mod.ts";
import { ChildNode, Dice } from "../load/mod.ts";
import { backup } from "./faults/backup.ts";
import { clockJump } from "./faults/clock-jump.ts";
import { damagedIndex } from "./faults/damaged-index.ts";
import { damagedPage } from "./faults/damaged-page.ts";
import { fullDisk } from "./faults/full-disk.ts";
import { kill } from "./faults/kill.ts";
import type { Bench, FaultKind, Ran } from "./faults/types.ts";
import { Stopwatch } from "./latency.ts";
import { Model } from "./model.ts";
import { type FaultRecord, heading, type SoakReport } from "./report.ts";
import { Volume } from "./volume.ts";
import { Workload } from "./workload.ts";

export interface SoakOptions {
  durationMs: number;
  /** An empty directory that is kept; undefined = a temporary one, on a volume of its own where that is allowed. */
  dir?: string | undefined;
  /** Seed of everything that is random. */
  seed: number;
  /** Told what goes on: a sentence and the part of the time that has passed. */
  progress: (what: string, share: number) => void;
  /** Whether the person at the terminal wants it to end. */
  stopped: () => boolean;
}

const FAULTS: readonly FaultKind[] = [kill, fullDisk, damagedIndex, backup, damagedPage, clockJump];
/** Load between two faults. */
const CALM_MS = 1500;
const POINTS = 240;
/** Vectors in a world from which the node under test keeps an index file, small enough to be reached soon. */
const ANN_FROM = 400;

/**
 * Runs a node as a child under mixed load, makes one fault after the other, and compares what it holds with a model
 * after each.
 * @throws Fault usage when `dir` is not empty; storage_error when the node does not start
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "dwbase-soak-"));
  if (options.dir !== undefined) requireEmpty(dir);
  const volume = Volume.make(dir, options.dir === undefined);
  const node = new ChildNode(volume.under("data"), { DWBASE_NODE_INDEX_ANN_THRESHOLD: String(ANN_FROM) });
  try {
    return await new Soak(options, volume, node).run();
  } finally {
    await node.kill();
    volume.remove();
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
  }
}

function requireEmpty(dir: string): void {
  mkdirSync(dir, { recursive: true });
  if (readdirSync(dir).length > 0) {
    throw new Fault(
      "usage",
      `${dir} is not empty; a soak damages what it finds, so give it an empty directory`,
    );
  }
}

class Soak {
  private readonly model = new Model();
  private readonly watch: Stopwatch;
  private readonly workload: Workload;
  private readonly bench: Bench;
  private readonly faults: FaultRecord[] = [];
  private readonly losses: SoakReport["losses"] = [];

  constructor(
    private readonly options: SoakOptions,
    private readonly volume: Volume,
    private readonly node: ChildNode,
  ) {
    const dice = new Dice(options.seed);
    this.watch = new Stopwatch(Math.max(1000, options.durationMs / POINTS));
    this.workload = new Workload(this.model, this.watch, dice);
    this.bench = { node, model: this.model, workload: this.workload, volume, dice, run: runSelf };
  }

  async run(): Promise<SoakReport> {
    const { node, options, watch } = this;
    const started = systemClock.now();
    await node.start();
    const before = node.diskBytes();
    for (let n = 0; watch.elapsedMs < options.durationMs && !options.stopped(); n++) {
      this.workload.start(node.url);
      await Bun.sleep(CALM_MS);
      await this.trouble(FAULTS[n % FAULTS.length]!);
    }
    const after = node.running ? node.diskBytes() : before;
    await node.stop();
    const checked = await runSelf(["storage", "check", "--deep", "--data-dir", node.dataDir]);
    if (checked.code !== 0) this.note("end", "the last deep check", [checked.err || checked.out]);
    const { remembers, forgets } = this.model.unsettled();
    return {
      ...heading(started),
      duration_s: Math.round(watch.elapsedMs / 100) / 10,
      volume: this.volume.name,
      acknowledged: this.model.acknowledged,
      forgotten: this.model.forgets,
      unsettled: remembers.length + forgets.length,
      operations: watch.operations(),
      refusals: this.workload.refusals,
      disk: { before_bytes: before, after_bytes: after, delta_bytes: after - before },
      faults: this.faults,
      losses: this.losses,
      timeline: watch.timeline(),
      clean: this.losses.length === 0 && this.faults.every(({ problems }) => problems.length === 0),
    };
  }

  private note(kind: string, detail: string, problems: string[]): void {
    this.faults.push({ kind, at_s: this.seconds(), detail, problems });
  }

  private seconds(): number {
    return Math.round(this.watch.elapsedMs / 100) / 10;
  }

  /** One fault, and what is there after it. */
  private async trouble({ name, make }: FaultKind): Promise<void> {
    const { watch, options, model, node, workload } = this;
    const at_s = this.seconds();
    options.progress(
      `${name}, ${model.acknowledged} atoms acknowledged`,
      watch.elapsedMs / options.durationMs,
    );
    try {
      this.faults.push({ kind: name, at_s, ...(await make(this.bench)) });
    } catch (cause) {
      this.note(name, "the fault could not be carried through", [(cause as Error).message]);
    }
    await workload.stop();
    if (!node.running) await node.start();
    await workload.settle(node.url);
    const losses = model.judge(await workload.read(node.url));
    this.losses.push(...losses.slice(0, LISTED).map((loss) => ({ ...loss, after: name })));
    // told once; the next fault is judged for itself
    model.excuse(losses.map(({ id }) => id));
  }
}

/** Losses of one fault that are listed. */
const LISTED = 100;

/** Runs this executable with some arguments to its end. */
async function runSelf(args: readonly string[]): Promise<Ran> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(DWBASE|WW)_/.test(name)));
  const child = Bun.spawn([...ownCommand(), ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env,
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out: out.slice(0, MB), err };
}
