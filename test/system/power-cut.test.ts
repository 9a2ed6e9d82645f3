/**
 * A power cut at every moment: what the executable wrote is recorded, and the directory that each prefix of it leaves is
 * opened, with the calls that no fsync covered there, not there, some of them there, or torn at 512 bytes, 4 and 16 KiB.
 */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Dice, sentence } from "../../src/load/mod.ts";
import { checkStore, StoreReader, StoreWriter } from "../../src/storage/mod.ts";
import { envNumber, figure, scratch, suite, TestNode } from "./harness.ts";
import { type Call, type Cut, Disk, Recorder, WHOLE } from "./recording.ts";

/** Every so many recorded calls the power is cut. */
const EVERY = envNumber("DWBASE_CUT_EVERY", 3);
const RELAXED_MS = 300;
const ROUNDS = 3;

/** What a client knows of one atom; positions are counts of recorded calls. */
interface Known {
  id: string;
  text: string;
  /** Atoms with the same number are one transaction. */
  batch: number;
  relaxed: boolean;
  sent: number;
  acked: number;
  forgetSent: number;
  forgotten: number;
}

const NEVER = Number.POSITIVE_INFINITY;

class Client {
  readonly known: Known[] = [];
  private batches = 0;

  constructor(
    private readonly node: TestNode,
    private readonly recorder: Recorder,
    private readonly dice: Dice,
  ) {}

  private plan(relaxed: boolean): Known {
    const known = {
      id: randomUUID(),
      text: sentence(this.dice, 3 + this.dice.below(200)),
      batch: this.batches,
      relaxed,
      sent: this.recorder.count(),
      acked: NEVER,
      forgetSent: NEVER,
      forgotten: NEVER,
    };
    this.known.push(known);
    return known;
  }

  private atom({ id, text }: Known): object {
    return { id, world: "w", worker: "ann", kind: "observation", payload_json: JSON.stringify({ text }) };
  }

  private acked(...atoms: Known[]): void {
    for (const atom of atoms) atom.acked = this.recorder.count();
  }

  async remember(relaxed: boolean): Promise<void> {
    this.batches += 1;
    const atom = this.plan(relaxed);
    const path = relaxed ? "/remember?durability=relaxed" : "/remember";
    expect((await this.node.post(path, this.atom(atom))).status).toBe(200);
    this.acked(atom);
  }

  async batch(size: number): Promise<void> {
    this.batches += 1;
    const atoms = Array.from({ length: size }, () => this.plan(false));
    const answer = await this.node.post("/remember/batch", { atoms: atoms.map((atom) => this.atom(atom)) });
    expect(answer.body.errors).toEqual([]);
    this.acked(...atoms);
  }

  async forget(): Promise<void> {
    const atom = this.known[this.dice.below(this.known.length)]!;
    if (atom.forgetSent < NEVER) return;
    atom.forgetSent = this.recorder.count();
    expect((await this.node.send("DELETE", `/atoms/${atom.id}`)).status).toBe(204);
    atom.forgotten = this.recorder.count();
  }
}

/** A node under load with pauses long enough for checkpoints and purges. */
async function load(dir: string, recorder: Recorder): Promise<Known[]> {
  const env = { ...recorder.env, DWBASE_NODE_STORAGE_RELAXED_WINDOW_MS: String(RELAXED_MS) };
  const node = await TestNode.start({ dir, env });
  const client = new Client(node, recorder, new Dice(20260601));
  for (let round = 0; round < ROUNDS; round++) {
    for (let n = 0; n < 8; n++) await client.remember(n % 2 === 1);
    await Promise.all(Array.from({ length: 6 }, () => client.remember(false)));
    await client.batch(30);
    await client.forget();
    await client.forget();
    await Bun.sleep(round === 1 ? 5000 : RELAXED_MS * 2);
  }
  await node.stop();
  return client.known;
}

/** Texts by id of a directory that must open, be whole, and go on. */
function contentOf(files: Map<string, Buffer>): Map<string, string> {
  const dir = mkdtempSync(join(tmpdir(), "dwbase-cut-"));
  try {
    mkdirSync(dir, { recursive: true });
    // the index of the WAL lies in memory and is gone; a rollback journal is not
    for (const [path, bytes] of files) {
      if (!path.endsWith("-shm")) writeFileSync(join(dir, basename(path)), bytes);
    }
    new StoreWriter(dir).close();
    expect(checkStore(dir, { deep: true }).findings).toEqual([]);
    const reader = new StoreReader(dir);
    const found = new Map<string, string>();
    const world = reader.world("w");
    for (const { seq } of world ? reader.docs(world.id) : []) {
      const row = reader.atomBySeq(seq)!;
      found.set(Buffer.from(row.id).toString("hex"), JSON.parse(row.payload).text);
    }
    reader.close();
    return found;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/**
 * What must and must not be there when the power is cut after `played` of the calls, just before the next. A relaxed
 * atom is due a window after the last call before its acknowledgement.
 */
function judge(known: readonly Known[], found: Map<string, string>, played: number, calls: Call[]): void {
  const ms = calls[Math.min(played, calls.length - 1)]!.ms;
  const batches = new Map<number, Set<boolean>>();
  for (const atom of known) {
    const text = found.get(atom.id.replaceAll("-", ""));
    if (text !== undefined) expect(text).toBe(atom.text);
    const due = atom.acked <= played && (!atom.relaxed || calls[atom.acked - 1]!.ms + RELAXED_MS <= ms);
    if (due && played <= atom.forgetSent) expect(text).toBe(atom.text);
    if (atom.forgotten <= played || played < atom.sent) expect(text).toBeUndefined();
    if (played <= atom.forgetSent)
      batches.set(atom.batch, (batches.get(atom.batch) ?? new Set()).add(text !== undefined));
  }
  for (const there of batches.values()) expect(there.size).toBe(1);
}

function cuts(dice: Dice): Cut[] {
  const some = Array.from({ length: 64 }, () => dice.below(2) === 0);
  const prefix = dice.next();
  return [
    WHOLE,
    { arrives: () => false, tear: 0 },
    { arrives: (index) => some[index % some.length]!, tear: 0 },
    { arrives: (index, count) => index <= prefix * count, tear: 0 },
    ...[512, 4096, 16_384].map((tear) => ({ arrives: () => true, tear })),
    { arrives: (index) => some[(index + 7) % some.length]!, tear: 512 },
  ];
}

suite("power cut", () => {
  test("leaves what was acknowledged and nothing torn, whenever it comes", async () => {
    const dir = join(scratch(), "data");
    const recorder = Recorder.make(`${dir}/dwbase.db*`);
    const known = await load(dir, recorder);
    const calls = recorder.calls();
    const dice = new Dice(7);
    const disk = new Disk();
    let states = 0;
    calls.forEach((call, at) => {
      disk.play(call);
      // the whole directory exists from the first commit on; before it there is nothing to lose
      if (at % EVERY !== 0 && call.op !== "sync" && call.op !== "truncate") return;
      for (const cut of cuts(dice)) {
        judge(known, contentOf(disk.cut(cut)), at + 1, calls);
        states += 1;
      }
    });
    // nothing was written past the recorder but zeros (the scrub's, into gaps)
    const end = disk.cut(WHOLE).get(join(dir, "dwbase.db"))!;
    const real = readFileSync(join(dir, "dwbase.db"));
    expect(end.length).toBe(real.length);
    expect(real.every((byte, at) => byte === end[at] || byte === 0)).toBe(true);
    const syncs = calls.filter(({ op }) => op === "sync").length;
    figure(
      `power cut: ${known.length} atoms, ${calls.length} calls with ${syncs} fsyncs recorded, ${states} directories opened, 0 acknowledged lost`,
    );
  }, 900_000);
});
