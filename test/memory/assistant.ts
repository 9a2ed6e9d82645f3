import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ManualClock } from "../../src/base/mod.ts";
import { ControlCells } from "../../src/control/mod.ts";
import { loadModel, StaticEmbedder } from "../../src/embedder/mod.ts";
import {
  consolidationSlice,
  type Episode,
  type Outcome,
  readMemory,
  worldName,
  writeMemory,
} from "../../src/memory/mod.ts";
import { type RecallOptions, recall } from "../../src/recall/mod.ts";
import { spaceId } from "../../src/storage/mod.ts";
import { SqliteVectors, VectorIndex } from "../../src/vector/mod.ts";
import { MEMORY } from "../engine/harness.ts";
import { DAY, Store } from "../storage/harness.ts";

interface Noted {
  day: number;
  episode: string;
  content: string;
  outcome: Outcome;
  emotional_valence: number;
  project: string;
}

/** A question of a day and the episodes that answer it. */
interface Need {
  day: number;
  need: string;
  wants: string[];
  repeats: boolean;
}

export type Line = Noted | Need;

/** The four weeks of an assistant, in their order. */
export function fourWeeks(): Line[] {
  const file = join(import.meta.dir, "../fixtures/memory/four-weeks.jsonl");
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const FLAGS = new ControlCells();
const SESSION = "assistant";
const LIMIT = 5;
const NOTHING_SAID = { outcome: "neutral", emotionalValence: 0.5 } as const;
const embedder = new StaticEmbedder(await loadModel());

/** Recall@5 of needs that repeat and of those that come once. */
export interface Figures {
  repeats: number;
  once: number;
}

/** How an assistant lives; all false is plain hybrid recall. */
export interface Living {
  /** Recalls as the memory family does and consolidates. */
  dynamics: boolean;
  /** Says after each recall what helped. */
  feedback: boolean;
  /** Notes with each episode how it went and how much it matters. */
  labels: boolean;
}

/**
 * Lives the four weeks on a store. With `dynamics` it recalls as the memory family does and sleeps: a light consolidation each night, a deep one each week. Without, it asks the plain hybrid ranker.
 */
export class Assistant {
  readonly store = new Store(new ManualClock(), {
    vectors: { space: embedder.space, embed: (text) => embedder.embedInt8(text) },
  });
  /** Id of an episode by its name in the data. */
  readonly ids = new Map<string, string>();
  /** Names of those that helped at least once. */
  readonly helped = new Set<string>();
  private index: VectorIndex | undefined;

  constructor(private readonly how: Living) {}

  /** @returns the share of needs whose episode was among the first five */
  live(lines: readonly Line[]): Figures {
    const hits: Record<keyof Figures, number[]> = { repeats: [], once: [] };
    let day = 0;
    for (const line of lines) {
      for (; day < line.day; day++) this.night(day);
      this.store.clock.advance(60_000);
      if ("episode" in line) this.note(line);
      else hits[line.repeats ? "repeats" : "once"].push(this.meet(line));
    }
    this.night(day);
    const mean = (list: number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
    return { repeats: mean(hits.repeats), once: mean(hits.once) };
  }

  private note({ episode, content, outcome, emotional_valence, project }: Noted): void {
    const said = { outcome, emotionalValence: emotional_valence };
    const item = { content, context: { project }, ...(this.how.labels ? said : NOTHING_SAID) };
    const answer = this.store.run((ctx) =>
      writeMemory(ctx, SESSION, { op: "create_episode", item }, MEMORY, FLAGS),
    );
    this.ids.set(episode, (answer.body as Episode).id);
  }

  private meet({ need, wants }: Need): number {
    const found = this.recall(need);
    const wanted = wants.map((name) => this.ids.get(name)!);
    const useful = found.filter((id) => wanted.includes(id));
    for (const name of wants) if (useful.includes(this.ids.get(name)!)) this.helped.add(name);
    const outcome = useful.length > 0 ? 1 : 0;
    if (this.how.feedback && found.length > 0) {
      const rewards = Object.fromEntries(found.map((id) => [id, useful.includes(id) ? 1 : 0]));
      const feedback = { ids: found, query: need, outcome, rewards };
      this.store.run((ctx) => writeMemory(ctx, SESSION, { op: "episode_feedback", feedback }, MEMORY, FLAGS));
    }
    return useful.length / wanted.length;
  }

  /** Ids of the first five episodes. */
  recall(query: string): string[] {
    return this.store.read((reader) => {
      if (!this.how.dynamics) return this.plain(query);
      const recall = { query, limit: LIMIT, minSimilarity: 0, explain: false };
      const view = { reader, session: SESSION, settings: MEMORY, options: this.options };
      const { episodes } = readMemory(view, { op: "recall_episodes", recall }) as { episodes: Episode[] };
      return episodes.map(({ id }) => id);
    });
  }

  private plain(text: string): string[] {
    const request = { world: worldName(SESSION), text, limit: LIMIT };
    const { supporting } = recall(this.store.reader, request, this.options);
    return supporting.map(({ subject }) => {
      const hex = Buffer.from(subject!).toString("hex");
      return [...this.ids.values()].find((id) => id.replaceAll("-", "") === hex)!;
    });
  }

  private get options(): RecallOptions {
    const { reader, clock } = this.store;
    return {
      now: clock.now(),
      checkDeadline: () => {},
      semantic: ({ world, text, accept }) => {
        const space = spaceId(reader.db, embedder.space)!;
        this.index ??= new VectorIndex({
          source: new SqliteVectors(reader.db, space),
          dimension: embedder.space.dimension,
          cacheBytes: 0,
        });
        const of = { id: world.id, lastSeq: world.last_seq, epoch: world.forget_epoch, size: world.docs };
        const { mode, hits, cosine } = this.index.search(of, embedder.embedInt8(text), 100, { accept });
        return { model: embedder.space.model, mode, best: hits, cosine };
      },
    };
  }

  private night(day: number): void {
    this.store.clock.advance(DAY - (this.store.clock.now() % DAY));
    if (!this.how.dynamics) return;
    this.consolidate(false);
    if (day % 7 === 6) this.consolidate(true);
  }

  private consolidate(deep: boolean): void {
    while (!this.store.run((ctx) => consolidationSlice(ctx, SESSION, deep, MEMORY)).done);
  }

  /** Whether an episode can still be read. */
  has(name: string): boolean {
    const id = Buffer.from(this.ids.get(name)!.replaceAll("-", ""), "hex");
    return this.store.read(({ db }) => db.query("SELECT 1 FROM subject WHERE id = ?").get(id)) !== null;
  }
}
