/** The facade over its threads: what is remembered is found, once, by those who may. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Atom } from "../../src/atom/mod.ts";
import { type ErrorCode, Fault, isId, LIMITS } from "../../src/base/mod.ts";
import { atom, caller, contentOf, FIRM, Fixture, JSON_WANTED, unpacked } from "./harness.ts";

let f: Fixture;
beforeEach(async () => {
  f = await Fixture.open();
});
afterEach(() => f.finish());

async function codeOf(work: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error instanceof Fault ? error.code : undefined;
  }
}

describe("remember", () => {
  test("answers with an id under which the atom is found, also after a restart", async () => {
    const id = await f.remember(
      atom("The kettle is broken.", { labels: ["kitchen"], importance: 0.75, vector: [0.1, -2] }),
    );
    expect(isId(id)).toBe(true);
    const before = await f.get(id);
    expect(before).toMatchObject({
      id,
      world: "w",
      worker: "ann",
      kind: "observation",
      importance: 0.75,
      payload_json: '{"text":"The kettle is broken."}',
      vector: [0.1, -2],
      flags: [],
      labels: ["kitchen"],
      links: [],
    });
    await f.restart();
    expect(await f.get(id)).toEqual(before);
  });

  test("many at once share commits and are all there, in order of their acknowledgement's log", async () => {
    const ids = await Promise.all(Array.from({ length: 200 }, (_, n) => f.remember(atom(`number ${n}`))));
    const log = await f.replay();
    expect(new Set(log.map((a) => a.id))).toEqual(new Set(ids));
    expect(log.length).toBe(200);
    await f.restart();
    expect(await f.replay()).toEqual(log);
  });

  test("a retry with the same id while the first is under way stores once; other content is refused", async () => {
    const id = Bun.randomUUIDv7();
    const answers = await Promise.all(Array.from({ length: 20 }, () => f.remember(atom("once", { id }))));
    expect(new Set(answers)).toEqual(new Set([id]));
    expect(await codeOf(f.remember(atom("twice", { id })))).toBe("conflict");
    expect((await f.replay()).length).toBe(1);
  });

  test("an Idempotency-Key makes a retry the same request, per caller and route", async () => {
    const how = { relaxed: false, idempotency: { key: "k1", digest: new Uint8Array([1]) } };
    const send = (digest: number, who = f.me): Promise<string> =>
      f.engine
        .remember(
          who,
          atom("keyed"),
          { relaxed: false, idempotency: { key: "k1", digest: Uint8Array.of(digest) } },
          JSON_WANTED,
        )
        .then(contentOf);
    const [first, second] = await Promise.all([send(1), send(1)]);
    expect(second).toBe(first);
    expect(await codeOf(send(2))).toBe("conflict");
    expect(await send(1, caller({ bucket: "another" }))).not.toBe(first);
    const batch = await f.engine.rememberBatch(f.me, [atom("keyed")], how, JSON_WANTED);
    expect((contentOf(batch) as { ids: string[] }).ids[0]).not.toBe(first);
  });

  test("relaxed writes are visible at once", async () => {
    const id = contentOf(
      await f.engine.remember(f.me, atom("soft"), { relaxed: true }, JSON_WANTED),
    ) as string;
    expect((await f.get(id)).payload_json).toContain("soft");
  });
});

describe("batches", () => {
  test("good items are stored together; refused ones say why at their index", async () => {
    const id = Bun.randomUUIDv7();
    await f.remember(atom("there", { id }));
    const items = [
      atom("good"),
      { code: "invalid_input" as const, error: "world is missing" },
      atom("other", { id }),
      atom("there", { id }),
    ];
    const answer = contentOf(await f.engine.rememberBatch(f.me, items, FIRM, JSON_WANTED)) as {
      ids: (string | null)[];
      errors: { index: number; code: string }[];
    };
    expect(answer.ids.map((x) => x !== null)).toEqual([true, false, false, true]);
    expect(answer.ids[3]).toBe(id);
    expect(answer.errors.map(({ index, code }) => [index, code])).toEqual([
      [1, "invalid_input"],
      [2, "conflict"],
    ]);
    expect((await f.replay()).length).toBe(2);
  });

  test("lines answer one by one with their index", async () => {
    const reply = await f.engine.rememberLines(
      f.me,
      [atom("a"), { code: "invalid_input", error: "bad" }],
      7,
      false,
    );
    const lines = new TextDecoder()
      .decode(reply.bytes)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines[0]).toEqual({ index: 7, id: expect.any(String) });
    expect(lines[1]).toEqual({ index: 8, code: "invalid_input", error: "bad" });
  });
});

describe("reading", () => {
  test("an ask finds by words, at once after the acknowledgement", async () => {
    await f.remember(atom("The boiler makes a humming noise."));
    await f.remember(atom("The garden gate is painted green."));
    const answer = contentOf(
      await f.engine.ask(f.me, { world: "w", text: "What colour is the gate?" }, JSON_WANTED),
    ) as {
      supporting_atoms: Atom[];
      text: string;
    };
    expect(answer.supporting_atoms[0]!.payload_json).toContain("gate");
    expect(answer.text).toBe("The garden gate is painted green.");
  });

  test("MessagePack answers hold the same as JSON", async () => {
    const id = await f.remember(atom("same", { vector: [1.5], links: ["x"] }));
    const want = { format: "msgpack", gzip: false } as const;
    expect(unpacked(await f.engine.get(f.me, id, want))).toEqual(await f.get(id));
    expect(unpacked(await f.engine.replay(f.me, { world: "w" }, want))).toEqual(await f.replay());
    expect(
      unpacked(await f.engine.remember(f.me, atom("same", { id: Bun.randomUUIDv7() }), FIRM, want)),
    ).toBeString();
  });

  test("replay pages end at the limit and go on at the cursor", async () => {
    for (let n = 0; n < 25; n++) await f.remember(atom(`entry ${n}`));
    const first = await f.engine.replay(f.me, { world: "w", filter: { limit: 10 } }, JSON_WANTED);
    expect((contentOf(first) as Atom[]).length).toBe(10);
    const second = await f.engine.replay(
      f.me,
      { world: "w", filter: { limit: 20 }, after: first.next! },
      JSON_WANTED,
    );
    expect((contentOf(second) as Atom[]).map((a) => a.payload_json)[0]).toContain("entry 10");
    expect(second.next).toBeUndefined();
  });

  test("large answers are compressed when the caller wants it", async () => {
    for (let n = 0; n < 30; n++) await f.remember(atom("long ".repeat(50)));
    const reply = await f.engine.replay(f.me, { world: "w" }, { format: "json", gzip: true });
    expect(reply.gzip).toBe(true);
    expect(contentOf(reply)).toEqual((await f.replay()) as never);
  });
});

describe("forgetting", () => {
  test("a forgotten atom is gone for every read, and its id stays used", async () => {
    const id = Bun.randomUUIDv7();
    await f.remember(atom("secret plan", { id }));
    expect((await f.engine.forget(f.me, id)).status).toBe(204);
    expect(await codeOf(f.get(id))).toBe("not_found");
    expect(await f.replay()).toEqual([]);
    expect(await codeOf(f.engine.forget(f.me, id))).toBe("not_found");
    expect(await codeOf(f.remember(atom("secret plan", { id })))).toBe("gone");
  });
});

describe("worlds", () => {
  const names = async (archived = false): Promise<string[]> =>
    contentOf(await f.engine.worlds(f.me, { archived, counts: false }, JSON_WANTED));
  const manage = (action: "create" | "archive" | "resume" | "delete", world: string): Promise<unknown> =>
    f.engine.manageWorld(f.me, { action, world }, JSON_WANTED);

  test("are made by remembering or by hand, archived, resumed and deleted", async () => {
    await f.remember(atom("x", { world: "b/🦊" }));
    await manage("create", "a");
    expect(await codeOf(manage("create", "a"))).toBe("conflict");
    expect(await names()).toEqual(["a", "b/🦊"]);
    await manage("archive", "a");
    expect(await names()).toEqual(["b/🦊"]);
    expect(await names(true)).toEqual(["a", "b/🦊"]);
    expect(await codeOf(f.remember(atom("x", { world: "a" })))).toBe("world_archived");
    await manage("resume", "a");
    await f.remember(atom("x", { world: "a" }));
    await manage("delete", "a");
    expect(await names(true)).toEqual(["b/🦊"]);
    expect(await codeOf(manage("delete", "a"))).toBe("not_found");
    expect(await codeOf(f.engine.replay(f.me, { world: "a" }, JSON_WANTED))).toBe("not_found");
  });

  test("counts say how many atoms and bytes", async () => {
    await f.remember(atom("x"));
    const [row] = contentOf(
      await f.engine.worlds(f.me, { archived: false, counts: true }, JSON_WANTED),
    ) as object[];
    expect(row).toMatchObject({ name: "w", atoms: 1, archived: false, description: null, labels: [] });
  });

  test("a policy is answered with its id", async () => {
    const id = contentOf(
      await f.engine.setPolicy(f.me, { world: "w", retention_days: 3 }, JSON_WANTED),
    ) as string;
    expect(isId(id)).toBe(true);
  });
});

describe("capabilities", () => {
  test("each method refuses a caller without its capability", async () => {
    const nobody = caller({ capabilities: new Set() });
    const id = await f.remember(atom("x"));
    const e = f.engine;
    const works: Promise<unknown>[] = [
      e.remember(nobody, atom("x"), FIRM, JSON_WANTED),
      e.rememberBatch(nobody, [], FIRM, JSON_WANTED),
      e.rememberLines(nobody, [], 0, false),
      e.ask(nobody, { world: "w", text: "x" }, JSON_WANTED),
      e.replay(nobody, { world: "w" }, JSON_WANTED),
      e.get(nobody, id, JSON_WANTED),
      e.forget(nobody, id),
      e.worlds(nobody, { archived: true, counts: true }, JSON_WANTED),
      e.manageWorld(nobody, { action: "delete", world: "w" }, JSON_WANTED),
      e.setPolicy(nobody, { world: "w", retention_days: 1 }, JSON_WANTED),
      e.indexStatus(nobody, JSON_WANTED),
    ];
    expect(new Set(await Promise.all(works.map(codeOf)))).toEqual(new Set(["capability_denied"]));
  });

  test("worlds outside a caller's lists are not read, written, listed or forgotten in; their ids are unknown", async () => {
    const id = await f.remember(atom("x", { world: "private" }));
    const guest = caller({ readWorlds: ["open/*"], writeWorlds: ["open/*"], importanceCap: 0.5 });
    expect(await codeOf(f.engine.get(guest, id, JSON_WANTED))).toBe("not_found");
    expect(await codeOf(f.engine.forget(guest, id))).toBe("not_found");
    expect(await codeOf(f.engine.ask(guest, { world: "private", text: "x" }, JSON_WANTED))).toBe(
      "capability_denied",
    );
    expect(contentOf(await f.engine.worlds(guest, { archived: true, counts: false }, JSON_WANTED))).toEqual(
      [] as never,
    );
    expect(await codeOf(f.engine.remember(guest, atom("x", { world: "private" }), FIRM, JSON_WANTED))).toBe(
      "capability_denied",
    );
    const important = atom("x", { world: "open/1", importance: 0.9 });
    expect(await codeOf(f.engine.remember(guest, important, FIRM, JSON_WANTED))).toBe("importance_cap");
    const { errors } = contentOf(await f.engine.rememberBatch(guest, [important], FIRM, JSON_WANTED)) as {
      errors: object[];
    };
    expect(errors).toMatchObject([{ index: 0, code: "importance_cap" }]);
    const reader = caller({ writeWorlds: ["open/*"] });
    expect(await codeOf(f.engine.forget(reader, id))).toBe("capability_denied");
  });
});

describe("bounds", () => {
  test("a full queue refuses at once and recovers", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: LIMITS.workerRequests + 50 }, (_, n) => codeOf(f.remember(atom(`n ${n}`)))),
    );
    expect(outcomes.filter((code) => code === "overloaded").length).toBe(50);
    expect(f.engine.refused).toBe(50);
    expect(await codeOf(f.remember(atom("after")))).toBeUndefined();
    expect((await f.replay()).length).toBe(LIMITS.workerRequests + 1);
  });

  test("a closing engine refuses new work and finishes what it took", async () => {
    const taken = f.remember(atom("last word"));
    const closing = f.engine.close();
    expect(await codeOf(f.remember(atom("too late")))).toBe("overloaded");
    const id = await taken;
    await closing;
    await f.start();
    expect((await f.get(id)).payload_json).toContain("last word");
  });

  test("a directory in use is refused with a sentence", async () => {
    const second = new Fixture();
    Object.assign(second, { dataDir: f.dataDir });
    expect(await codeOf(second.start())).toBe("storage_error");
  });
});
