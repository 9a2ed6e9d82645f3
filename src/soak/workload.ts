import { asFault, type Fault } from "../base/mod.ts";
import { Client } from "../client/mod.ts";
import { type Dice, sentence } from "../load/mod.ts";
import type { Stopwatch } from "./latency.ts";
import type { Found, Model, Sent } from "./model.ts";

const CLIENTS = 4;
const WORLDS = ["soak/home", "soak/garden", "soak/été 🌱"];
/** Atoms from which on clients only forget and ask, so that a long run stays bounded. */
const MOST_ATOMS = 40_000;
const BATCH = 20;
/** Pause of a client between two requests, and after a refusal. */
const PAUSE_MS = 4;
const REFUSED_MS = 50;
const TIMEOUT_MS = 35_000;

/** Clients that remember, ask, replay and forget at once, and tell the model what they know. */
export class Workload {
  /** Refusals by code. */
  readonly refusals: Record<string, number> = {};
  private stopped = true;
  private running: Promise<void>[] = [];
  private client: Client | undefined;
  private n = 0;

  constructor(
    readonly model: Model,
    private readonly watch: Stopwatch,
    private readonly dice: Dice,
  ) {}

  /** Clients begin to work on the node at `url`. */
  start(url: string): void {
    this.client = new Client({ api: url, timeoutMs: TIMEOUT_MS });
    this.stopped = false;
    this.running = Array.from({ length: CLIENTS }, () => this.work());
  }

  /** Ends when every request under way has its answer or its connection is gone. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.running);
  }

  private async work(): Promise<void> {
    while (!this.stopped) {
      const fault = await this.step();
      if (fault) this.refusals[fault.code] = (this.refusals[fault.code] ?? 0) + 1;
      if (fault?.code === "unreachable") return;
      await Bun.sleep(fault ? REFUSED_MS : PAUSE_MS);
    }
  }

  /** One request. @returns why it failed */
  private async step(): Promise<Fault | undefined> {
    const roll = this.model.size < MOST_ATOMS ? this.dice.next() : 0.7 + 0.3 * this.dice.next();
    try {
      if (roll < 0.45) await this.remember(1);
      else if (roll < 0.6) await this.remember(BATCH);
      else if (roll < 0.9) await this.ask();
      else if (roll < 0.95) await this.replay();
      else await this.forget();
      return undefined;
    } catch (error) {
      return asFault(error);
    }
  }

  private make(): Sent {
    this.n += 1;
    const payload = JSON.stringify({ n: this.n, text: sentence(this.dice, 4 + this.dice.below(20)) });
    return { id: crypto.randomUUID(), world: WORLDS[this.dice.below(WORLDS.length)]!, payload };
  }

  private async remember(count: number): Promise<void> {
    const atoms = Array.from({ length: count }, () => this.make());
    for (const atom of atoms) this.model.sending(atom);
    await this.send(atoms);
  }

  private async send(atoms: readonly Sent[]): Promise<void> {
    const news = atoms.map(({ payload, ...atom }) => ({
      ...atom,
      worker: "soak",
      kind: "observation" as const,
      payload_json: payload,
    }));
    try {
      if (news.length === 1) await this.watch.time("remember", () => this.client!.remember(news[0]!));
      else await this.watch.time("batch", () => this.client!.rememberBatch(news));
      for (const { id } of atoms) this.model.acked(id);
    } catch (error) {
      // of other failures nobody knows whether the atoms are there; a retry with their ids will tell
      if (asFault(error).code === "disk_full") for (const { id } of atoms) this.model.refused(id);
      throw error;
    }
  }

  private async ask(): Promise<void> {
    const world = WORLDS[this.dice.below(WORLDS.length)]!;
    await this.watch.time("ask", () => this.client!.ask({ world, text: sentence(this.dice, 4) }));
  }

  private async replay(): Promise<void> {
    const world = WORLDS[this.dice.below(WORLDS.length)]!;
    await this.watch.time("replay", () => this.client!.replayPage(world, { limit: 100 }));
  }

  private async forget(): Promise<void> {
    const atom = this.model.pick(this.dice.next());
    if (!atom) return;
    this.model.forgetting(atom.id);
    await this.watch.time("forget", () => this.client!.forget(atom.id));
    this.model.forgot(atom.id);
  }

  /** Sends again what has no outcome yet: the same id gives the same atom, and a forgotten one is gone. */
  async settle(url: string): Promise<void> {
    this.client = new Client({ api: url, timeoutMs: TIMEOUT_MS });
    const { remembers, forgets } = this.model.unsettled();
    for (const atom of remembers) await this.send([atom]);
    for (const id of forgets) {
      await this.client.forget(id).catch((error) => {
        if (asFault(error).code !== "not_found") throw error;
      });
      this.model.forgot(id);
    }
  }

  /** Everything that the node at `url` holds. */
  async read(url: string): Promise<Found[]> {
    const client = new Client({ api: url, timeoutMs: TIMEOUT_MS });
    const found: Found[] = [];
    for (const { name } of await client.worlds({ archived: true })) {
      for await (const { id, world, payload_json } of client.replay(name))
        found.push({ id, world, payload_json });
    }
    return found;
  }

  /** Ids of the best answers to questions about remembered words, one list a question. */
  async answers(url: string, questions: readonly { world: string; text: string }[]): Promise<string[][]> {
    const client = new Client({ api: url, timeoutMs: TIMEOUT_MS });
    const lists: string[][] = [];
    for (const question of questions) {
      const { supporting_atoms } = await client.ask(question);
      lists.push(supporting_atoms.map(({ id }) => id));
    }
    return lists;
  }

  questions(count: number): { world: string; text: string }[] {
    return Array.from({ length: count }, () => {
      const atom = this.model.pick(this.dice.next());
      const text: string = atom ? JSON.parse(atom.payload).text : sentence(this.dice, 4);
      return { world: atom?.world ?? WORLDS[0]!, text: text.split(" ").slice(0, 4).join(" ") };
    });
  }
}
