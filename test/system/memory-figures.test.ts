/** What the memory family takes: recall among many episodes, storing one beside an atom, activation in a large graph. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Dice, sentence } from "../../src/load/mod.ts";
import { atomOf, deepCheck, FULL, figure, quantile, suite, TestNode } from "./harness.ts";
import { requestBytes, Wire } from "./wire.ts";

/** What the product promises, and the multiple of it that a loaded build machine may take. */
const RECALL_MS = 50;
const SPREAD_MS = 20;
const CREATE_TIMES = 1.5;
const LOADED = 5;
const TEST_MS = FULL ? 900_000 : 120_000;

const EPISODES = FULL ? 50_000 : 5000;
const ROUNDS = FULL ? 1000 : 300;
const NODES = 1000;
const EDGES = 10_000;
/** Items of one import. */
const CHUNK = 500;

const idOf = (n: number): string => `0190f3c0-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;

/** One connection that speaks for a session, with the ms of each answer. */
class Client {
  private constructor(private readonly wire: Wire) {}

  static async connect(node: TestNode): Promise<Client> {
    return new Client(await Wire.connect(node.port));
  }

  /** @returns ms until the whole answer was there */
  async post(path: string, json: unknown, status: number): Promise<number> {
    const headers = { "Content-Type": "application/json", "X-Session-ID": "figures" };
    const bytes = requestBytes("POST", path, headers, JSON.stringify(json));
    const began = performance.now();
    const answer = await this.wire.exchange(bytes);
    const ms = performance.now() - began;
    if (answer.status !== status) throw new Error(`${path} answered ${answer.status}: ${answer.body}`);
    return ms;
  }

  async import(list: string, items: readonly object[]): Promise<void> {
    for (let at = 0; at < items.length; at += CHUNK)
      await this.post("/api/v1/import", { [list]: items.slice(at, at + CHUNK) }, 200);
  }

  close(): void {
    this.wire.close();
  }
}

const ms = (times: number[]): string =>
  `p50 ${quantile(times, 0.5).toFixed(1)}, p95 ${quantile(times, 0.95).toFixed(1)} ms`;

/** Processor time that the node has taken in all its threads, ms: what others do on the machine is not in it. */
function processorMs(node: TestNode): number {
  const stat = readFileSync(`/proc/${node.pid}/stat`, "latin1");
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return (user + system) * 10;
}

/** Times of rounds as a figure, with the node's processor time for each. */
async function measured(node: TestNode, round: (n: number) => Promise<number>): Promise<[number[], string]> {
  const times: number[] = [];
  const before = processorMs(node);
  for (let n = 0; n < ROUNDS; n++) times.push(await round(n));
  const each = (processorMs(node) - before) / ROUNDS;
  return [times, `${ms(times)}, ${each.toFixed(1)} ms of processor time`];
}

suite("figures of the memory family", () => {
  test(
    `recall over ${EPISODES} episodes, and storing one more beside an atom`,
    async () => {
      const node = await TestNode.start();
      const client = await Client.connect(node);
      const dice = new Dice(7);
      const episodes = Array.from({ length: EPISODES }, (_, n) => ({
        id: idOf(n),
        content: sentence(dice, 14),
      }));
      await client.import("episodes", episodes);
      const atoms = episodes.map(({ content }) => atomOf(content));
      for (let at = 0; at < atoms.length; at += CHUNK)
        await client.post("/remember/batch", { atoms: atoms.slice(at, at + CHUNK) }, 200);
      const questions = Array.from({ length: ROUNDS }, () => sentence(dice, 5));
      const [recalls, recalled] = await measured(node, (n) =>
        client.post("/api/v1/episodes/recall", { query: questions[n] }, 200),
      );
      const [, asked] = await measured(node, (n) =>
        client.post("/ask", { world: "home", text: questions[n] }, 200),
      );
      const creates: number[] = [];
      const remembers: number[] = [];
      // by turns, so that whatever else the machine does slows both
      for (let n = 0; n < ROUNDS; n++) {
        creates.push(await client.post("/api/v1/episodes", { content: sentence(dice, 14) }, 201));
        remembers.push(await client.post("/remember", atomOf(sentence(dice, 14)), 200));
      }
      const times = (share: number): number => quantile(creates, share) / quantile(remembers, share);
      figure(
        `recall over ${EPISODES} episodes: ${recalled} (p95 of ${RECALL_MS} promised); the same questions asked of as many atoms: ${asked}`,
      );
      figure(
        `storing an episode: ${ms(creates)}, remembering an atom by turns: ${ms(remembers)}; p50 ${times(0.5).toFixed(2)}, p95 ${times(0.95).toFixed(2)} times (p95 of ${CREATE_TIMES} promised)`,
      );
      expect(quantile(recalls, 0.95)).toBeLessThan(RECALL_MS * LOADED);
      expect(times(0.5)).toBeLessThan(CREATE_TIMES);
      client.close();
      await node.stop();
      await deepCheck(node.dir);
    },
    TEST_MS,
  );

  test(
    `activation that spreads among ${NODES} entities with ${EDGES} relations, three deep`,
    async () => {
      const node = await TestNode.start();
      const client = await Client.connect(node);
      const dice = new Dice(7);
      const entity = (n: number) => ({
        id: idOf(n),
        name: `thing ${n}`,
        entity_type: "CONCEPT",
        summary: "It is.",
      });
      await client.import(
        "entities",
        Array.from({ length: NODES }, (_, n) => entity(n)),
      );
      const relation = (n: number) => ({
        ...{ source_id: idOf(n % NODES), target_id: idOf((n + 1 + dice.below(NODES - 1)) % NODES) },
        ...{
          relation_type: ["USES", "REQUIRES", "CAUSES", "PART_OF"][n % 4],
          weight: (1 + dice.below(100)) / 100,
        },
      });
      await client.import(
        "relations",
        Array.from({ length: EDGES }, (_, n) => relation(n)),
      );
      for (const threshold of [0.1, 0.01, 0]) {
        const [times, spread] = await measured(node, (n) => {
          const asked = { entity_id: idOf((n * 37) % NODES), depth: 3, threshold };
          return client.post("/api/v1/entities/spread-activation", asked, 200);
        });
        figure(
          `spreading, ${NODES} nodes and ${EDGES} edges, depth 3, threshold ${threshold}: ${spread} (p95 of ${SPREAD_MS} promised)`,
        );
        expect(quantile(times, 0.95)).toBeLessThan(SPREAD_MS * LOADED);
      }
      client.close();
      await node.stop();
      await deepCheck(node.dir);
    },
    TEST_MS,
  );
});
