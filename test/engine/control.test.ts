/** What control switches, as the threads obey it; and what the acts of the engine leave in the audit log. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Fault } from "../../src/base/mod.ts";
import { systemClock } from "../../src/base/mod.ts";
import { ALL_WORK, Circuits, Control, ControlCells, GATE } from "../../src/control/mod.ts";
import type { MemoryWrite } from "../../src/memory/mod.ts";
import { type AuditEntry, listAudit, lookInto, verifyAudit } from "../../src/storage/mod.ts";
import { atom, caller, contentOf, FIRM, Fixture, JSON_WANTED } from "./harness.ts";

let node: Fixture;
let cells: ControlCells;

beforeEach(async () => {
  cells = new ControlCells();
  node = new Fixture();
  node.control = cells;
  await node.start();
});
afterEach(() => node.finish());

async function codeOf(act: Promise<unknown>): Promise<string> {
  try {
    await act;
    return "";
  } catch (error) {
    return (error as Fault).code;
  }
}

function entries(): Pick<AuditEntry, "action" | "actor" | "target" | "detail">[] {
  return lookInto(node.dataDir, (db) => {
    expect(verifyAudit(db).findings).toEqual([]);
    return listAudit(db, 100).map(({ action, actor, target, detail }) => ({ action, actor, target, detail }));
  });
}

describe("the gate", () => {
  test("stops every write on the writer, those that wait in its queue too, and no read", async () => {
    const id = await node.remember(atom("before"));
    const queued = Array.from({ length: 100 }, (_, i) => codeOf(node.remember(atom(`queued ${i}`))));
    cells.stop(GATE.writes);
    const { engine, me } = node;
    const later = [
      node.remember(atom("after")),
      engine.rememberBatch(me, [atom("batch")], FIRM, JSON_WANTED),
      engine.rememberLines(me, [atom("line")], 0, false),
      engine.forget(me, id),
      engine.memoryWrite(me, "kitchen", episode("of a session"), JSON_WANTED),
      engine.memoryWrite(me, "kitchen", { op: "consolidate", deep: false, by: "me" }, JSON_WANTED),
      engine.manageWorld(me, { action: "create", world: "new" }, JSON_WANTED),
      engine.setPolicy(me, { world: "w", retention_days: 1 }, JSON_WANTED),
    ].map(codeOf);
    const codes = new Set(await Promise.all(queued));
    expect([...codes].every((code) => code === "" || code === "read_only")).toBe(true);
    expect(await Promise.all(later)).toEqual(Array(8).fill("read_only"));
    const stored = (await node.replay()).length;
    expect((await node.get(id)).id).toBe(id);
    cells.stop(0);
    await node.remember(atom("again"));
    expect((await node.replay()).length).toBe(stored + 1);
  });

  test("stops reads on the recall thread", async () => {
    const id = await node.remember(atom("here"));
    cells.stop(ALL_WORK);
    const { engine, me } = node;
    const reads = [
      engine.get(me, id, JSON_WANTED),
      engine.ask(me, { world: "w", text: "here" }, JSON_WANTED),
      engine.replay(me, { world: "w" }, JSON_WANTED),
      engine.worlds(me, { archived: false, counts: false }, JSON_WANTED),
      engine.indexStatus(me, JSON_WANTED),
      engine.memoryRead(me, "kitchen", { op: "stats" }, JSON_WANTED),
    ].map(codeOf);
    expect(await Promise.all(reads)).toEqual(Array(6).fill("maintenance"));
    cells.stop(0);
  });

  test("lets a deleted world go while the rest rests", async () => {
    await node.remember(atom("doomed"));
    await node.engine.manageWorld(node.me, { action: "delete", world: "w" }, JSON_WANTED);
    cells.stop(GATE.background | GATE.writes);
    const rows = () =>
      lookInto(node.dataDir, (db) => db.query<{ n: number }, []>("SELECT count(*) AS n FROM atom").get()!.n);
    for (let i = 0; i < 100 && rows() > 0; i++) await Bun.sleep(50);
    expect(rows()).toBe(0);
    cells.stop(0);
  });

  test("lets retention rest, and go on afterwards", async () => {
    cells.stop(GATE.background);
    const { engine, me } = node;
    await node.remember(atom("unimportant", { importance: 0.1 }));
    await engine.setPolicy(me, { world: "w", min_importance: 0.5 }, JSON_WANTED);
    // writes wake the maintenance each time
    for (let i = 0; i < 20; i++) await node.remember(atom(`kept ${i}`, { importance: 0.9 }));
    expect((await node.replay()).length).toBe(21);
    cells.stop(0);
    for (let i = 0; i < 100 && (await node.replay()).length > 20; i++) await Bun.sleep(100);
    expect((await node.replay()).length).toBe(20);
  });

  test("lets control write whatever is stopped, and the state is back after a restart", async () => {
    const control = new Control({ clock: systemClock });
    await control.open(node.engine);
    await control.panic({ level: "TOTAL", reason: "the cellar is wet", source: "operator" }, "ann");
    await control.setFlag("telemetry", { enabled: false }, "ann");
    await node.restart();
    const again = new Control({ clock: systemClock });
    await again.open(node.engine);
    expect([again.level, again.reason, again.flag("telemetry").enabled]).toEqual([
      "TOTAL",
      "the cellar is wet",
      false,
    ]);
    expect(entries().map(({ action, target }) => [action, target])).toEqual([
      ["panic", "TOTAL"],
      ["flag", "telemetry"],
    ]);
  });
});

function episode(content: string): MemoryWrite {
  const item = { content, context: {}, outcome: "neutral", emotionalValence: 0.5 } as const;
  return { op: "create_episode", item };
}

describe("the audit log", () => {
  test("has policies, worlds and forgets, with who did it and without what was remembered", async () => {
    const { engine } = node;
    const ann = caller({ name: "ann" });
    const id = await node.remember(atom("a secret text"));
    await engine.setPolicy(ann, { world: "w", retention_days: 30 }, JSON_WANTED);
    await engine.manageWorld(ann, { action: "archive", world: "w" }, JSON_WANTED);
    await engine.manageWorld(ann, { action: "resume", world: "w" }, JSON_WANTED);
    await engine.forget(ann, id);
    expect(await codeOf(engine.forget(ann, id))).toBe("not_found");
    expect(entries()).toEqual([
      { action: "policy", actor: "ann", target: "w", detail: '{"retention_days":30}' },
      { action: "world", actor: "ann", target: "w", detail: "archive" },
      { action: "world", actor: "ann", target: "w", detail: "resume" },
      { action: "forget", actor: "ann", target: id, detail: "in world w" },
    ]);
  });

  test("has what is forgotten of the memory family, and consolidation that was asked for", async () => {
    const { engine } = node;
    const ann = caller({ name: "ann", admin: true });
    const made = await engine.memoryWrite(ann, "kitchen", episode("a secret text"), JSON_WANTED);
    const { id }: { id: string } = contentOf(made);
    await engine.memoryWrite(ann, "kitchen", { op: "forget", family: "episode", id, by: "ann" }, JSON_WANTED);
    await engine.memoryWrite(ann, "kitchen", { op: "consolidate", deep: false, by: "ann" }, JSON_WANTED);
    expect(entries()).toEqual([
      { action: "forget", actor: "ann", target: id, detail: "episode in session kitchen" },
      { action: "consolidate", actor: "ann", target: "kitchen", detail: "light" },
    ]);
  });

  test("has an export: an unfiltered replay from the beginning to the last page, once in an hour", async () => {
    const { engine } = node;
    const reader = caller({ name: "reader", bucket: "key:reader" });
    const replay = (request: object) => engine.replay(reader, { world: "w", ...request }, JSON_WANTED);
    await engine.rememberBatch(
      node.me,
      ["a", "b", "c"].map((text) => atom(text)),
      FIRM,
      JSON_WANTED,
    );
    const { next } = await replay({ filter: { limit: 2 } });
    await replay({ filter: { limit: 100, labels: ["x"] } });
    expect(entries()).toEqual([]);
    await replay({ filter: { limit: 2 }, after: next });
    expect(entries()).toEqual([{ action: "export", actor: "reader", target: "w", detail: "" }]);
    await replay({});
    await replay({ filter: { limit: 2 }, after: next });
    expect(entries().length).toBe(1);
  });
});

test("the database shows as a circuit that takes a reset", async () => {
  const database = { name: "database", state: "closed", failures: 0, successes: 0 } as const;
  expect(node.engine.circuits()).toEqual([database]);
  await node.engine.operate("database", "reset");
  expect(node.engine.circuits()).toEqual([database]);
});

test("the breakers of both threads before the provider are one circuit: seen, opened and closed together", async () => {
  let asked = 0;
  let away = true;
  const provider = Bun.serve({
    port: 0,
    fetch: async (request) => {
      asked += 1;
      if (away) return new Response("down", { status: 503 });
      const { input } = (await request.json()) as { input: string[] };
      return Response.json({ data: input.map((_, index) => ({ index, embedding: [1, index + 1] })) });
    },
  });
  await node.engine.close();
  const url = `${provider.url.origin}/v1/embeddings`;
  node.embedder = { embedder: "http", url, model: "m", dimension: 2, timeoutMs: 1000, cacheSize: 0 };
  await node.start();
  const circuits = new Circuits();
  circuits.add(node.engine);
  const until = async (state: string) => {
    for (let i = 0; i < 100 && circuits.get("embedding").state !== state; i++) await Bun.sleep(50);
    expect(circuits.get("embedding").state).toBe(state as never);
  };
  expect(circuits.list().map(({ name, state }) => [name, state])).toEqual([
    ["database", "closed"],
    ["embedding", "closed"],
  ]);
  const ask = () => node.engine.ask(node.me, { world: "w", text: "blue" }, JSON_WANTED);
  await node.remember(atom("blue"));
  for (let i = 0; i < 3; i++) await ask();
  await until("open");
  await circuits.operate("embedding", "open");
  const before = asked;
  await ask();
  expect(asked).toBe(before);
  away = false;
  expect((await circuits.operate("embedding", "reset")).state).toBe("closed");
  await ask();
  expect(asked).toBeGreaterThan(before);
  await provider.stop(true);
});
