/**
 * Flips single bits of the database, its write-ahead log and the vector index, one in a copy of a data directory each
 * round, and looks at what a node makes of it. Each must be detected (an error, a finding of the deep check, an index
 * that is built anew) or be in unused space; no answered field may be wrong, nothing may be hidden without a word.
 *
 *   npm run test:flips -- --rounds 500 [--seed 7] [--encrypted]
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { KINDS } from "../src/atom/mod.ts";
import { bytesToId, Fault, LIMITS, layout, ManualClock, MB } from "../src/base/mod.ts";
import { Dice } from "../src/load/mod.ts";
import {
  atomOf,
  checkStore,
  FAMILY,
  findAtom,
  findSubject,
  forgetAtom,
  insertAtom,
  type Keyring,
  keyringOf,
  StoreReader,
  StoreWriter,
  setPolicy,
  spaceId,
  token,
  type VectorMaker,
  type WorldRow,
  writeState,
} from "../src/storage/mod.ts";
import { SqliteVectors, VectorIndex } from "../src/vector/mod.ts";

const DIMENSION = 64;
const ATOMS = LIMITS.textTail + 300;
const WORLDS = ["home", "away"];
const WORDS = ["owl", "fox", "barn", "rain", "river", "stone"];
const SUBJECT = new Uint8Array(16).fill(7);
const TARGETS = ["database", "wal", "index"] as const;
type Target = (typeof TARGETS)[number];

/** Vectors that any run makes alike. */
const VECTORS: VectorMaker = {
  space: { model: "flips", dimension: DIMENSION, version: 1 },
  embed: (text) => {
    const dice = new Dice(Bun.hash.crc32(text));
    return Int8Array.from({ length: DIMENSION }, () => dice.below(255) - 127);
  },
};

/** What a store answers, by what is asked. */
type View = Map<string, string>;

export interface FlipReport {
  rounds: number;
  detected: number;
  unused: number;
  byTarget: Record<Target, { detected: number; unused: number }>;
  /** What must not be: a sentence each. */
  failures: string[];
}

class Campaign {
  private readonly root = mkdtempSync(join(tmpdir(), "dwbase-flips-"));
  private readonly base = join(this.root, "base");
  private readonly dir = join(this.root, "copy");
  private ids: string[] = [];
  private truth: View = new Map();
  readonly report: FlipReport = {
    rounds: 0,
    detected: 0,
    unused: 0,
    byTarget: {
      database: { detected: 0, unused: 0 },
      wal: { detected: 0, unused: 0 },
      index: { detected: 0, unused: 0 },
    },
    failures: [],
  };

  constructor(
    private readonly dice: Dice,
    private readonly keyring: Keyring,
  ) {}

  /** A directory as a killed node leaves it: part of its memories in the log alone, and an index beside it. */
  async prepare(): Promise<void> {
    const live = join(this.root, "live");
    const writer = new StoreWriter(live, {
      clock: new ManualClock(),
      vectors: VECTORS,
      keyring: this.keyring,
    });
    this.fill(writer, 0, ATOMS, 100);
    while (writer.maintain(true) === 0);
    if (this.keyring.wanted === undefined) await this.buildIndex(live);
    this.fill(writer, ATOMS, ATOMS + 120, 7);
    cpSync(live, this.base, { recursive: true });
    writer.close();
    rmSync(join(this.base, "lock.db"), { force: true });
    rmSync(live, { recursive: true });
    cpSync(this.base, this.dir, { recursive: true });
    this.truth = this.view();
  }

  private fill(writer: StoreWriter, from: number, to: number, batch: number): void {
    const run = <T>(job: Parameters<typeof writer.commit<T>>[0][0]): T => {
      const [outcome] = writer.commit([job]);
      if (outcome && "value" in outcome) return outcome.value;
      throw outcome?.fault;
    };
    for (let at = from; at < to; at += batch) {
      run((ctx) => {
        for (let i = at; i < Math.min(to, at + batch); i++) {
          this.ids.push(bytesToId(insertAtom(ctx, atomNumber(i, this.ids))));
        }
      });
    }
    run((ctx) => {
      const subject = { id: SUBJECT, family: FAMILY.entity, stability: 2 };
      this.ids.push(bytesToId(insertAtom(ctx, atomNumber(to, this.ids), subject)));
      setPolicy(ctx, { world: "home", retention_days: 30_000 });
      writeState(ctx, 1, "session", `learnt by ${to}`);
      forgetAtom(ctx, findAtom(ctx.db, this.ids[from + 5]!)!, "campaign");
    });
  }

  /** The index of a directory's first world, over rows that are folded. */
  private openIndex(reader: StoreReader, log: (message: string) => void): VectorIndex {
    const space = spaceId(reader.db, VECTORS.space)!;
    return new VectorIndex({
      source: new SqliteVectors(reader.db, space, reader.vectorOpener(space)),
      dimension: DIMENSION,
      cacheBytes: 0,
      ann: {
        dir: reader.place.index,
        lib: reader.place.lib,
        space,
        identity: "flips",
        persist: true,
        fromRows: 50,
        bytes: 64 * MB,
        clock: new ManualClock(),
        log,
      },
    });
  }

  private async buildIndex(dir: string): Promise<void> {
    const reader = new StoreReader(dir, undefined, this.keyring);
    const index = this.openIndex(reader, () => {});
    index.search(stateOf(reader.world("home")!), VECTORS.embed!("owl"), 5);
    await index.idle();
    await index.close();
    reader.close();
  }

  /** Everything that the store answers; what is refused by a Fault is left out and told. */
  private view(refused: (cause: Fault) => void = () => {}): View {
    const view: View = new Map();
    const ask = (what: string, answer: () => unknown): void => {
      try {
        view.set(what, JSON.stringify(answer()) ?? "nothing");
      } catch (cause) {
        if (!(cause instanceof Fault) && !isSqlite(cause)) throw cause;
        refused(cause as Fault);
      }
    };
    let reader: StoreReader;
    try {
      reader = new StoreReader(this.dir, undefined, this.keyring);
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      refused(cause);
      return view;
    }
    try {
      reader.snapshot(() => {
        for (const id of this.ids) {
          ask(`atom ${id}`, () => {
            const row = reader.atomById(id);
            return row && atomOf(row, reader.worldOf(row.world)!.name);
          });
          ask(`forgotten ${id}`, () => reader.isForgotten(id));
        }
        for (const name of WORLDS) ask(`world ${name}`, () => answered(reader.world(name)));
        ask("subject", () => answered(findSubject(reader, SUBJECT)));
        for (const [i, name] of WORLDS.entries()) {
          for (const word of WORDS) {
            ask(`search ${name} ${word}`, () => reader.postings(token.word(i + 1, word)));
          }
          ask(
            `search log ${name}`,
            () => reader.replay(reader.world(name)!, {}, 0, 1000, (row) => row.id).atoms.length,
          );
        }
      });
    } catch (cause) {
      if (!(cause instanceof Fault) && !isSqlite(cause)) throw cause;
      refused(cause as Fault);
    }
    for (const sentence of reader.takeDamage()) refused(new Fault("damaged", sentence));
    reader.close();
    return view;
  }

  /** One round: a copy, a flip, and all that is asked of it. */
  async round(): Promise<void> {
    // no vector of an encrypted store lies in a file
    const target = TARGETS[this.dice.below(this.keyring.wanted === undefined ? 3 : 2)]!;
    rmSync(this.dir, { recursive: true, force: true });
    cpSync(this.base, this.dir, { recursive: true });
    const place = layout(this.dir);
    const path = target === "index" ? join(place.index, readdirSync(place.index)[0]!) : place[target];
    const bit = this.dice.below(statSync(path).size * 8);
    const bytes = readFileSync(path);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    writeFileSync(path, bytes);
    const name = `bit ${bit} of the ${target}`;
    const signs = target === "index" ? await this.lookAtIndex(name) : this.lookAtStore(name);
    this.report.rounds += 1;
    this.report[signs > 0 ? "detected" : "unused"] += 1;
    this.report.byTarget[target][signs > 0 ? "detected" : "unused"] += 1;
  }

  /** @returns signs of the damage that were given */
  private lookAtStore(name: string): number {
    let signs = this.findings();
    const sign = (): void => {
      signs += 1;
    };
    try {
      const options = { clock: new ManualClock(), vectors: VECTORS, keyring: this.keyring };
      const writer = new StoreWriter(this.dir, options);
      const [outcome] = writer.commit([
        (ctx) => insertAtom(ctx, { ...atomNumber(9999, this.ids), world: "other" }),
      ]);
      if (outcome && "fault" in outcome) this.expectFault(name, outcome.fault, sign);
      signs += writer.damage.length;
      writer.close();
    } catch (cause) {
      this.expectFault(name, cause, sign);
    }
    const hidden = this.compare(name, this.view(sign));
    if (hidden.length > 0 && signs === 0) this.fail(`${name}: ${hidden[0]} is hidden, and nothing says so`);
    return signs;
  }

  private findings(): number {
    try {
      return checkStore(this.dir, { deep: true, vectors: VECTORS, keyring: this.keyring }).findings.length;
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      return 1;
    }
  }

  private expectFault(name: string, cause: unknown, sign: () => void): void {
    if (cause instanceof Fault) sign();
    else this.fail(`${name}: ${cause}`);
  }

  /** Fails for what is answered otherwise. @returns what is not found any more */
  private compare(name: string, view: View): string[] {
    const hidden: string[] = [];
    for (const [what, answer] of view) {
      const expected = this.truth.get(what);
      if (answer === expected) continue;
      // a search that misses something, or an atom that is not found, is to be told by the check
      if (what.startsWith("search") || answer === "nothing" || what.startsWith("forgotten"))
        hidden.push(what);
      else
        this.fail(
          `${name}: ${what} is answered with ${answer.slice(0, 300)}, not ${expected?.slice(0, 300)}`,
        );
    }
    return hidden;
  }

  private fail(sentence: string): void {
    this.report.failures.push(sentence);
  }

  /** @returns signs of the damage that were given */
  private async lookAtIndex(name: string): Promise<number> {
    const signs: string[] = [];
    const reader = new StoreReader(this.dir, undefined, this.keyring);
    const index = this.openIndex(reader, (message) => signs.push(message));
    const world = stateOf(reader.world("home")!);
    for (const word of WORDS) {
      const query = VECTORS.embed!(word);
      const exact = index.search(world, query, 5);
      await index.idle();
      const near = index.search(world, query, 5);
      if (JSON.stringify(near.hits) !== JSON.stringify(exact.hits))
        this.fail(`${name}: other hits for ${word}`);
    }
    await index.close();
    reader.close();
    return signs.length;
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

function atomNumber(i: number, ids: readonly string[]) {
  const text = `${WORDS[i % 6]} number ${i} ${"of the long tale ".repeat(i % 40 === 0 ? 500 : 3)}`;
  return {
    world: WORLDS[i % 2]!,
    worker: `w${i % 3}`,
    kind: KINDS[0],
    payload_json: JSON.stringify({ text }),
    labels: i % 4 === 0 ? [`session:${i % 5}`, "kept"] : [],
    flags: i % 9 === 0 ? ["odd"] : [],
    links: i % 10 === 1 ? [{ target: ids[i - 1]!, kind: "references" as const }] : [],
    ...(i % 6 === 0 ? { vector: [i, 0.5, -1] } : {}),
  };
}

const stateOf = (world: WorldRow) => ({
  id: world.id,
  lastSeq: world.last_seq,
  epoch: world.forget_epoch,
  size: world.docs,
});

/** A row without its checksum, which is no answer. */
function answered(row: object | undefined): unknown {
  return row && { ...row, sum: undefined, id: undefined };
}

function isSqlite(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && String(cause.code).startsWith("SQLITE_");
}

/** @param encrypted over a store that is encrypted; it has no index file, so that the index is left out */
export async function flips(
  options: { rounds: number; seed: number; encrypted: boolean },
  onRound: (report: FlipReport) => void = () => {},
): Promise<FlipReport> {
  const keyring = options.encrypted
    ? keyringOf({ DWBASE_KEY_FLIPS: "f1".repeat(32) }, "FLIPS")
    : { keys: {} };
  const campaign = new Campaign(new Dice(options.seed), keyring);
  try {
    await campaign.prepare();
    for (let n = 0; n < options.rounds; n++) {
      await campaign.round();
      onRound(campaign.report);
    }
    return campaign.report;
  } finally {
    campaign.remove();
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "500" },
      seed: { type: "string", default: String(Date.now() % 1e6) },
      encrypted: { type: "boolean", default: false },
    },
  });
  const options = { rounds: Number(values.rounds), seed: Number(values.seed), encrypted: values.encrypted };
  const report = await flips(options, ({ rounds }) => {
    if (rounds % 50 === 0) console.error(`${rounds} of ${options.rounds}`);
  });
  console.log(JSON.stringify({ ...options, ...report }, null, 2));
  process.exit(report.failures.length > 0 ? 6 : 0);
}
