/** Two keys, each bound to a session of its own: whatever they do, neither learns anything of the other's. */
import { expect, test } from "bun:test";
import { Dice, sentence } from "../../src/load/mod.ts";
import { Fixture } from "../engine/harness.ts";
import { type Answered, fixture } from "../server/support.ts";

const OPERATIONS = process.env.DWBASE_FULL === "1" ? 10_000 : 1000;
const ADMIN_KEY = "admin-key-0123456789abcdef";

type Kind = "episodes" | "entities" | "skills";
const KINDS: readonly Kind[] = ["episodes", "entities", "skills"];

/** Sends to /api/v1 with a key, as a session. */
type Send = (key: string, session: string, method: string, path: string, json?: unknown) => Promise<Answered>;

/** One key, its session, what it knows, and what it may never see. */
class Party {
  readonly ids: Record<Kind, string[]> = { episodes: [], entities: [], skills: [] };
  /** A word that only this party writes. */
  readonly mark: string;
  readonly key: string;
  other!: Party;
  private made = 0;

  constructor(
    readonly name: string,
    private readonly to: Send,
    private readonly dice: Dice,
  ) {
    this.mark = `${name}marker`;
    this.key = `key-of-${name}-0123456789`;
  }

  send(method: string, path: string, json?: unknown): Promise<Answered> {
    return this.to(this.key, this.name, method, path, json);
  }

  /** The body of a good answer, in which nothing of the other's may stand. */
  // biome-ignore lint/suspicious/noExplicitAny: the test looks into it freely
  private async good(method: string, path: string, json?: unknown): Promise<any> {
    const { status, body } = await this.send(method, path, json);
    expect([method, path, status < 300]).toEqual([method, path, true]);
    // what was asked is told back
    const text = JSON.stringify(body, (name, value) => (name === "query" ? undefined : value)) ?? "";
    if (text.includes(this.other.mark)) expect(text).not.toContain(this.other.mark);
    return body;
  }

  private words(): string {
    return `${this.mark} ${sentence(this.dice, 6)}`;
  }

  private one(kind: Kind): string | undefined {
    return this.ids[kind][this.dice.below(Math.max(1, this.ids[kind].length))];
  }

  private anyKind(): Kind {
    return KINDS[this.dice.below(KINDS.length)]!;
  }

  private bodyOf(kind: Kind): unknown {
    const name = `${this.mark} ${this.made++}`;
    if (kind === "episodes") return { content: this.words() };
    if (kind === "entities") return { name, entity_type: "TOOL", summary: this.words() };
    return { name, domain: "devops", task: this.words(), steps: [{ order: 1, action: this.words() }] };
  }

  async act(): Promise<void> {
    const roll = this.dice.below(12);
    if (roll < 5) {
      const kind = roll < 3 ? "episodes" : this.anyKind();
      this.ids[kind].push((await this.good("POST", `/${kind}`, this.bodyOf(kind))).id);
    } else if (roll < 7) await this.recall();
    else if (roll < 8) await this.count();
    else if (roll < 9) await this.relate();
    else if (roll < 10) await this.change();
    else await this.intrude();
  }

  /** Asked in the other's words, as like to those as can be. */
  private async recall(): Promise<void> {
    const kind = this.anyKind();
    const query = `${this.other.mark} ${sentence(this.dice, 3)}`;
    const more = kind === "episodes" ? { min_similarity: 0 } : {};
    const body = await this.good("POST", `/${kind}/recall`, { query, limit: 20, ...more });
    for (const { id } of body[kind]) expect(this.ids[kind]).toContain(id);
  }

  async count(): Promise<void> {
    const { episodic, semantic, procedural } = await this.good("GET", "/stats");
    expect([episodic.total_episodes, semantic.total_entities, procedural.total_skills]).toEqual(
      KINDS.map((kind) => this.ids[kind].length),
    );
    const kind = this.anyKind();
    const body = await this.good("GET", `/${kind}`);
    for (const { id } of body[kind]) expect(this.ids[kind]).toContain(id);
  }

  private async relate(): Promise<void> {
    const [source_id, target_id] = [this.one("entities"), this.one("entities")];
    if (source_id === undefined || source_id === target_id) return;
    await this.good("POST", "/entities/relations", {
      source_id,
      target_id,
      relation_type: "USES",
      weight: 0.8,
    });
    const spread = await this.good("POST", "/entities/spread-activation", { entity_id: source_id });
    for (const { id } of spread.entities) expect(this.ids.entities).toContain(id);
    await this.good("GET", `/entities/${source_id}/relations`);
  }

  private async change(): Promise<void> {
    const kind = this.anyKind();
    const id = this.one(kind);
    if (id === undefined) return;
    if (this.ids[kind].length > 10 && this.dice.below(2) === 0) {
      expect((await this.send("DELETE", `/${kind}/${id}`)).status).toBe(204);
      this.ids[kind] = this.ids[kind].filter((each) => each !== id);
    } else if (kind === "episodes") {
      await this.good("PUT", `/episodes/${id}`, { content: this.words() });
      await this.good("POST", "/episodes/feedback", {
        episode_ids: [id],
        query: this.words(),
        outcome_score: 1,
      });
    } else if (kind === "entities") await this.good("PUT", `/entities/${id}`, { summary: this.words() });
    else await this.good("POST", `/skills/${id}/execute`, { success: true });
  }

  /** Everything that reaches for what is the other's. */
  private async intrude(): Promise<void> {
    const kind = this.anyKind();
    // the other's session is not for this key
    const into = await this.to(this.key, this.other.name, "GET", `/${kind}`);
    expect([into.status, into.body.code]).toEqual([403, "capability_denied"]);
    const id = this.other.one(kind);
    const own = this.one("entities");
    if (id === undefined) return;
    const body = { outcome: "success", summary: "x", script: "x" };
    const attempts: [string, string, unknown?][] = [
      ["GET", `/${kind}/${id}`],
      ["PUT", `/${kind}/${id}`, body],
      ["DELETE", `/${kind}/${id}`],
    ];
    if (kind === "episodes") attempts.push(["POST", `/episodes/${id}/mark-important`]);
    if (kind === "skills") attempts.push(["POST", `/skills/${id}/execute`, { success: true }]);
    if (kind === "entities") {
      attempts.push(["POST", "/entities/spread-activation", { entity_id: id }]);
      if (own !== undefined) {
        const relation = { source_id: own, target_id: id, relation_type: "USES" };
        attempts.push(["POST", "/entities/relations", relation]);
      }
    }
    for (const [method, path, json] of attempts) {
      const { status, body: said } = await this.send(method, path, json);
      // 404, not 403: that there is such an id is a secret too
      expect([method, path, status, said.code]).toEqual([method, path, 404, "not_found"]);
      expect(JSON.stringify(said)).not.toContain(this.other.mark);
    }
  }

  /** Scores by id of the answers to the same questions. */
  async answers(): Promise<Map<string, number>[]> {
    const dice = new Dice(7);
    const answers: Map<string, number>[] = [];
    for (let n = 0; n < 10; n++) {
      const query = sentence(dice, 4);
      const { episodes, scores } = await this.good("POST", "/episodes/recall", { query, min_similarity: 0 });
      answers.push(new Map(episodes.map(({ id }: { id: string }, at: number) => [id, scores[at]])));
    }
    return answers;
  }
}

/** Memories fade between two askings, each on its own: scores move by less than this, and the last may change places. */
const FADED = 0.01;

function expectUnmoved(before: Map<string, number>, after: Map<string, number>): void {
  expect(after.size).toBe(before.size);
  const last = Math.min(...before.values());
  for (const [id, score] of before) {
    const now = after.get(id) ?? last;
    expect({ id, score, now, near: Math.abs(now - score) < FADED }).toMatchObject({ near: true });
  }
}

test(
  `${OPERATIONS} random operations show neither of two sessions anything of the other's`,
  async () => {
    const store = await Fixture.open();
    const dice = new Dice(20261126);
    const parties = ["ann", "ben"].map((name) => new Party(name, (...sent) => send(...sent), dice));
    const [ann, ben] = parties as [Party, Party];
    ann.other = ben;
    ben.other = ann;
    const keys = parties.map(({ name, key }) => ({ name, key, admin: false, sessions: [name] }));
    const node = fixture({
      over: store.engine,
      auth: { allowAnonymous: "never", keys: [...keys, { name: "root", key: ADMIN_KEY, admin: true }] },
    });
    const send: Send = (key, session, method, path, json) => {
      const headers = { "X-API-Key": key, "X-Session-ID": session };
      return node.send(method, `/api/v1${path}`, json === undefined ? { headers } : { headers, json });
    };
    for (let n = 0; n < OPERATIONS; n++) await (dice.below(2) === 0 ? ann : ben).act();
    for (const party of parties) await party.count();

    // the other's further acts, and its consolidation, move nothing in one's answers
    const before = await ben.answers();
    for (let n = 0; n < OPERATIONS / 10; n++) await ann.act();
    expect((await send(ADMIN_KEY, "ann", "POST", "/consolidate", { deep: true })).status).toBe(200);
    for (const [at, after] of (await ben.answers()).entries()) expectUnmoved(before[at]!, after);
    await ben.count();
    await store.finish();
  },
  60_000 + OPERATIONS * 40,
);
