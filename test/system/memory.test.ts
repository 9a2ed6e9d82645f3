/** The memory family of the built program: kills, what is forgotten, what others see, the guide's port. */
import { expect, test } from "bun:test";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { LIMITS } from "../../src/base/mod.ts";
import { deepCheck, FULL, figure, filesUnder, scratch, suite, TestNode, until } from "./harness.ts";

const ANN = { "X-Session-ID": "ann" };
const API = "/api/v1";
const WRITERS = 8;

/** A word that no other text holds. */
const marker = (): string => `q${Math.random().toString(36).slice(2)}q`;

const DUPLICATE = "The nightly backup of the photos has finished.";
/** Some hundred episodes of a day: every twentieth says the same, every tenth is one of a few that belong together. */
const DAY = Array.from({ length: 600 }, (_, n) => {
  const to = ["disk", "drive", "volume", "stick"][Math.floor(n / 20) % 4];
  const note = `Note ${n}: ${marker()} ${marker()} ${marker()}.`;
  const copied = `Copied the archive of family photos onto the ${to}.`;
  const content = n % 20 === 0 ? DUPLICATE : n % 10 === 0 ? copied : note;
  return {
    id: `0190f3c0-0000-7000-8000-${String(n).padStart(12, "0")}`,
    ...{ content, outcome: "success", tool: "rsync" },
    timestamp: new Date(Date.now() - (600 - n) * 60_000).toISOString(),
  };
});
type Named = { name: string };

function holding(dir: string, words: readonly string[]): string[] {
  return filesUnder(dir).flatMap((path) => {
    const bytes = readFileSync(path);
    return words.filter((word) => bytes.includes(word)).map((word) => `${path}: ${word}`);
  });
}

suite("the memory family", () => {
  test("what was acknowledged before a kill -9 is there, in every version", async () => {
    let node = await TestNode.start();
    const { dir } = node;
    const acked = new Map<string, string>();
    let killed = false;
    const writer = async (n: number): Promise<void> => {
      for (let i = 0; !killed; i++) {
        try {
          const made = await node.post(`${API}/episodes`, { content: `first ${n} ${i}` }, ANN);
          if (made.status !== 201) return;
          acked.set(made.body.id, `first ${n} ${i}`);
          const content = `second ${n} ${i}`;
          const path = `${API}/episodes/${made.body.id}`;
          const changed = await node.send("PUT", path, { json: { content }, headers: ANN });
          if (changed.status === 200) acked.set(made.body.id, content);
        } catch {
          return;
        }
      }
    };
    const writers = Array.from({ length: WRITERS }, (_, n) => writer(n));
    await until("a hundred episodes", 20_000, () => acked.size >= 100);
    await node.kill();
    killed = true;
    await Promise.all(writers);

    node = await TestNode.start({ dir });
    for (const [id, content] of acked) {
      const { status, body } = await node.get(`${API}/episodes/${id}`, ANN);
      // a change that nobody acknowledged may have come in
      const allowed = [content, content.replace("first", "second")];
      expect([status, allowed.includes(body.content)]).toEqual([200, true]);
    }
    const { body } = await node.get(`${API}/stats`, ANN);
    expect(body.episodic.total_episodes).toBeGreaterThanOrEqual(acked.size);
    expect(body.episodic.total_episodes).toBeLessThanOrEqual(acked.size + WRITERS);
    await node.stop();
    await deepCheck(dir);
    rmSync(dir, { recursive: true });
  });

  test("what is forgotten is in no file, in none of its versions, with its relations", async () => {
    const node = await TestNode.start({ dir: `${scratch()}/data` });
    const words = [marker(), marker(), marker()];
    const entity = (name: string, summary: string) => ({ name, entity_type: "FACT", summary });
    const a = (await node.post(`${API}/entities`, entity("a", `about ${words[0]}`), ANN)).body.id;
    const b = (await node.post(`${API}/entities`, entity("b", "other"), ANN)).body.id;
    await node.post(`${API}/entities/${a}/supersede`, entity("a", `about ${words[1]}`), ANN);
    await node.send("PUT", `${API}/entities/${a}`, { json: { details: words[2] }, headers: ANN });
    const relation = { source_id: a, target_id: b, relation_type: "USES" };
    expect((await node.post(`${API}/entities/relations`, relation, ANN)).status).toBe(201);
    await until("the words are on the disk", 10_000, () => holding(node.dir, words).length > 0);
    expect((await node.send("DELETE", `${API}/entities/${a}`, { headers: ANN })).status).toBe(204);
    await until("they are gone", LIMITS.forgetPurgeMs, () => holding(node.dir, words).length === 0);
    expect((await node.get(`${API}/entities/${b}/relations`, ANN)).body).toEqual([]);
    await node.stop();
    await deepCheck(node.dir);
  });

  test("the atom family neither sees nor writes a session's world, except with the admin key", async () => {
    const node = await TestNode.start({ env: { WW_ADMIN_API_KEY: "an-admin-key-of-enough-characters" } });
    await node.post(`${API}/episodes`, { content: "between us" }, ANN);
    const world = "~ww:ann";
    expect((await node.get("/worlds")).body).toEqual([]);
    expect((await node.post("/ask", { world, text: "us" })).status).toBe(403);
    const atom = { world, worker: "me", kind: "observation", payload_json: "{}" };
    expect((await node.post("/remember", atom)).status).toBe(400);
    node.key = "an-admin-key-of-enough-characters";
    expect((await node.get("/worlds")).body).toEqual([world]);
    expect((await node.replay(world)).map((one) => one.payload_json)).toEqual([
      '{"content":"between us","context":{}}',
    ]);
    await node.stop();
    await deepCheck(node.dir);
  });

  test("kill -9 at any point of a consolidation: all is whole, and the rest is done to the same end", async () => {
    const ADMIN = { WW_ADMIN_API_KEY: "an-admin-key-of-enough-characters" };
    const headers = { ...ANN, "X-Admin-Key": ADMIN.WW_ADMIN_API_KEY };
    const consolidate = (node: TestNode, deep: boolean) => node.post(`${API}/consolidate`, { deep }, headers);
    const begun = join(scratch(), "data");
    let node = await TestNode.start({ dir: begun, env: ADMIN });
    for (let at = 0; at < DAY.length; at += 400)
      expect((await node.post(`${API}/import`, { episodes: DAY.slice(at, at + 400) }, ANN)).status).toBe(200);
    await node.stop();

    /** What a session holds after both passes, begun anew after a kill after so many ms of them. */
    const end = async (killAfter: number) => {
      const dir = join(scratch(), "data");
      cpSync(begun, dir, { recursive: true });
      node = await TestNode.start({ dir, env: ADMIN });
      if (killAfter < Number.POSITIVE_INFINITY) {
        const both = consolidate(node, false).then(() => consolidate(node, true));
        const cut = both.then(
          () => false,
          () => true,
        );
        await Bun.sleep(killAfter);
        await node.kill();
        if (await cut) cuts += 1;
        await deepCheck(dir);
        node = await TestNode.start({ dir, env: ADMIN });
      }
      for (const deep of [false, true]) expect((await consolidate(node, deep)).status).toBe(200);
      const recall = { query: DUPLICATE, limit: 50, min_similarity: 0.95 };
      const found = {
        stats: (await node.get(`${API}/stats`, ANN)).body,
        said: (await node.post(`${API}/episodes/recall`, recall, ANN)).body.episodes.length,
        skills: (await node.get(`${API}/skills?limit=200`, ANN)).body.skills
          .map((one: Named) => one.name)
          .sort(),
        entities: (await node.get(`${API}/entities?limit=500`, ANN)).body.entities
          .map((one: Named) => one.name)
          .sort(),
      };
      await node.stop();
      await deepCheck(dir);
      return found;
    };
    let cuts = 0;
    const whole = await end(Number.POSITIVE_INFINITY);
    expect(whole.said).toBe(1);
    expect(whole.skills.length + whole.entities.length).toBeGreaterThan(0);
    for (const ms of FULL ? [1, 3, 5, 10, 20, 30, 40, 60, 80, 120, 160, 240] : [5, 30, 90]) {
      expect([ms, await end(ms)]).toEqual([ms, whole]);
    }
    figure(`consolidation: ${cuts} passes cut by kill -9, each done to the same end`);
    expect(cuts).toBeGreaterThan(0);
  });

  test("WW_SESSION_ID is the session of those that name none", async () => {
    const node = await TestNode.start({ env: { WW_SESSION_ID: "production" } });
    const { body } = await node.post(`${API}/episodes`, { content: "here" });
    expect(body.session_id).toBe("production");
    const named = { "X-Session-ID": "production" };
    expect((await node.get(`${API}/episodes/${body.id}`, named)).status).toBe(200);
    expect((await node.get(`${API}/episodes/${body.id}`, ANN)).status).toBe(404);
    await node.stop();
    await deepCheck(node.dir);
  });
});
