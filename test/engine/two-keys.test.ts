/** Two keys with worlds of their own: whatever they do, neither learns anything of the other's. */
import { expect, test } from "bun:test";
import type { Atom } from "../../src/atom/mod.ts";
import { CAPABILITIES, type Caller } from "../../src/auth/mod.ts";
import { Fault, LIMITS } from "../../src/base/mod.ts";
import type { Reply } from "../../src/engine/mod.ts";
import { Dice, sentence } from "../../src/load/mod.ts";
import { atom, caller, contentOf, FIRM, Fixture, JSON_WANTED } from "./harness.ts";

const OPERATIONS = process.env.DWBASE_FULL === "1" ? 10_000 : 2000;
const WORLDS = 4;

/** One key, what it knows, and what it may never see. */
class Party {
  readonly me: Caller;
  readonly worlds: string[];
  readonly ids: string[] = [];
  readonly mine = new Set<string>();
  /** Words that only this party writes. */
  readonly mark: string;
  other!: Party;

  constructor(
    readonly name: string,
    private readonly fixture: Fixture,
    private readonly dice: Dice,
  ) {
    this.worlds = Array.from({ length: WORLDS }, (_, n) => `${name}/world-${n}`);
    this.mark = `${name}marker`;
    this.me = caller({
      name,
      capabilities: new Set(CAPABILITIES.filter((one) => one !== "admin")),
      readWorlds: [`${name}/*`],
      writeWorlds: [`${name}/*`],
      bucket: `key:${name}`,
    });
  }

  private world(): string {
    return this.worlds[this.dice.below(WORLDS)]!;
  }

  private make() {
    return atom(`${this.mark} ${sentence(this.dice, 6)}`, {
      world: this.world(),
      worker: `${this.name}-worker`,
    });
  }

  /** Nothing of the other's may stand in an answer. */
  private look(reply: Reply): Reply {
    const text = Buffer.from(reply.gzip ? Bun.gunzipSync(reply.bytes) : reply.bytes).toString();
    for (const secret of [this.other.mark, `${this.other.name}/`, `${this.other.name}-worker`]) {
      if (text.includes(secret)) expect(text).not.toContain(secret);
    }
    return reply;
  }

  private async refused(work: Promise<Reply>, ...codes: string[]): Promise<void> {
    const error = await work.then(
      () => undefined,
      (cause) => cause,
    );
    expect(error).toBeInstanceOf(Fault);
    expect(codes).toContain(error.code);
    expect(error.message).not.toContain(this.other.mark);
  }

  /** One random act of its own. */
  async act(): Promise<void> {
    const { engine } = this.fixture;
    const roll = this.dice.below(10);
    if (roll < 4) {
      const id: string = contentOf(this.look(await engine.remember(this.me, this.make(), FIRM, JSON_WANTED)));
      this.ids.push(id);
      this.mine.add(id);
    } else if (roll < 5) {
      const items = Array.from({ length: 5 }, () => this.make());
      const { ids }: { ids: string[] } = contentOf(
        await engine.rememberBatch(this.me, items, FIRM, JSON_WANTED),
      );
      for (const id of ids) this.mine.add(id);
      this.ids.push(...ids);
    } else if (roll < 7) await this.ask();
    else if (roll < 8) await this.list();
    else if (roll < 9 && this.ids.length > 10) {
      const [id] = this.ids.splice(this.dice.below(this.ids.length), 1);
      await engine.forget(this.me, id!);
      this.mine.delete(id!);
    } else await this.intrude();
  }

  private async ask(): Promise<void> {
    const world = this.world();
    const text = `${this.other.mark} ${sentence(this.dice, 3)}`;
    try {
      const reply = await this.fixture.engine.ask(this.me, { world, text, limit: 20 }, JSON_WANTED);
      const { supporting_atoms }: { supporting_atoms: Atom[] } = contentOf(reply);
      for (const { id, world: at } of supporting_atoms)
        expect([this.mine.has(id), at]).toEqual([true, world]);
    } catch (error) {
      expect((error as Fault).code).toBe("not_found");
    }
  }

  private async list(): Promise<void> {
    const { engine } = this.fixture;
    const counts = { archived: true, counts: true };
    const worlds: { name: string; atoms: number }[] = contentOf(
      this.look(await engine.worlds(this.me, counts, JSON_WANTED)),
    );
    expect(worlds.reduce((sum, { atoms }) => sum + atoms, 0)).toBe(this.mine.size);
    this.look(await engine.indexStatus(this.me, JSON_WANTED));
  }

  /** Everything that reaches for what is the other's. */
  private async intrude(): Promise<void> {
    const { engine } = this.fixture;
    const world = this.other.world();
    await this.refused(engine.ask(this.me, { world, text: "what" }, JSON_WANTED), "capability_denied");
    await this.refused(engine.replay(this.me, { world }, JSON_WANTED), "capability_denied");
    const foreign = atom("x", { world });
    await this.refused(engine.remember(this.me, foreign, FIRM, JSON_WANTED), "capability_denied");
    await this.refused(
      engine.setPolicy(this.me, { world, retention_days: 1 }, JSON_WANTED),
      "capability_denied",
    );
    for (const action of ["create", "archive", "resume", "delete"] as const)
      await this.refused(engine.manageWorld(this.me, { action, world }, JSON_WANTED), "capability_denied");
    const id = this.other.ids[this.dice.below(this.other.ids.length)];
    if (id === undefined) return;
    // 404, not 403: that there is such an id is a secret too
    await this.refused(engine.get(this.me, id, JSON_WANTED), "not_found");
    await this.refused(engine.forget(this.me, id), "not_found");
    // said of the other's from a world of its own
    const links = (["supersedes", "contradicts"] as const).map((kind) => ({ target: id, kind }));
    const said = contentOf(
      await engine.remember(this.me, atom(this.mark, { world: this.world(), links }), FIRM, JSON_WANTED),
    );
    this.ids.push(said);
    this.mine.add(said);
  }

  /** Answers to the same questions with every signal. */
  async answers(): Promise<unknown[]> {
    const dice = new Dice(7);
    const answers: unknown[] = [];
    for (const world of this.worlds) {
      for (let n = 0; n < 5; n++) {
        const question = { world, text: `${this.other.mark} ${sentence(dice, 4)}`, limit: 20, explain: true };
        answers.push(contentOf(this.look(await this.fixture.engine.ask(this.me, question, JSON_WANTED))));
      }
    }
    return answers;
  }

  /** In the end each world holds what its party knows. */
  async settle(): Promise<void> {
    let found = 0;
    for (const world of this.worlds) {
      let after: string | undefined;
      do {
        const request = {
          world,
          filter: { limit: LIMITS.replayAtoms },
          ...(after === undefined ? {} : { after }),
        };
        const reply = await this.fixture.engine.replay(this.me, request, JSON_WANTED).catch(() => undefined);
        if (!reply) break;
        for (const { id } of contentOf(this.look(reply)) as Atom[]) expect(this.mine.has(id)).toBe(true);
        found += (contentOf(reply) as Atom[]).length;
        after = reply.next;
      } while (after !== undefined);
    }
    expect(found).toBe(this.mine.size);
  }
}

test("a tenant's policy asks for the right to write all of the tenant's worlds", async () => {
  const fixture = await Fixture.open();
  const { engine } = fixture;
  const bound = (writeWorlds: string[]) => caller({ name: "bound", writeWorlds });
  const policy = { world: "tenant:x", min_importance: 1 };
  for (const patterns of [["tenant:x"], ["tenant:x", "tenant:x/a"], ["tenant:x", "tenant:x/a*"]]) {
    const error = await engine.setPolicy(bound(patterns), policy, JSON_WANTED).then(
      () => undefined,
      (cause) => cause,
    );
    expect([patterns, error?.code]).toEqual([patterns, "capability_denied"]);
  }
  for (const patterns of [[], ["tenant:x*"], ["tenant:x", "tenant:x/*"], ["tenant:*"]]) {
    expect((await engine.setPolicy(bound(patterns), policy, JSON_WANTED)).status).toBe(200);
  }
  await fixture.finish();
});

test(
  `${OPERATIONS} random operations show neither of two keys anything of the other's`,
  async () => {
    const fixture = await Fixture.open();
    const dice = new Dice(20261125);
    const [ann, ben] = [new Party("ann", fixture, dice), new Party("ben", fixture, dice)];
    ann.other = ben;
    ben.other = ann;
    for (let n = 0; n < OPERATIONS; n++) await (dice.below(2) === 0 ? ann : ben).act();
    for (const party of [ann, ben]) await party.settle();

    // whatever the other goes on to do, one's answers and their scores stay as they were
    const before = await ben.answers();
    for (let n = 0; n < OPERATIONS / 10; n++) await ann.act();
    expect(await ben.answers()).toEqual(before);
    await fixture.finish();
  },
  60_000 + OPERATIONS * 20,
);
