/** Vectors behind the facade: made at once by the built-in model, later by a provider, anew after a change. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Atom } from "../../src/atom/mod.ts";
import { atom, contentOf, Fixture, JSON_WANTED } from "./harness.ts";

interface Answer {
  supporting_atoms: Atom[];
  warnings: string[];
  mode: string;
  text: string;
}
interface Status {
  mode: string;
  pending: number;
  indexed: number;
  rebuilding: boolean;
  embedder_version: string | null;
}

let f: Fixture;
beforeEach(() => {
  f = new Fixture();
});
afterEach(() => f.finish());

const ask = async (text: string): Promise<Answer> =>
  contentOf(await f.engine.ask(f.me, { world: "w", text }, JSON_WANTED));
const status = async (): Promise<Status> =>
  (contentOf(await f.engine.indexStatus(f.me, JSON_WANTED)) as Status[])[0]!;

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await Bun.sleep(20);
}

const TEXTS = ["The refrigerator stopped cooling last night.", "The garden gate is painted green."];
const rememberAll = async (): Promise<void> => {
  for (const text of TEXTS) await f.remember(atom(text, { labels: [`session:${text.length}`] }));
};
const first = (answer: Answer): string | undefined => answer.supporting_atoms[0]?.payload_json;

/** A provider whose vectors are counts of letters, which is enough to tell that it was asked. */
function provider(): { url: string; texts: string[]; fail: boolean; stop(): Promise<void> } {
  const state = { url: "", texts: [] as string[], fail: false, stop: async () => {} };
  const server = Bun.serve({
    port: 0,
    async fetch(request) {
      if (state.fail) return new Response("down", { status: 503 });
      const { input } = (await request.json()) as { input: string[] };
      state.texts.push(...input);
      const data = input.map((text, index) => {
        const embedding = new Array<number>(26).fill(0);
        for (const c of text.toLowerCase()) {
          const at = c.charCodeAt(0) - 97;
          if (at >= 0 && at < 26) embedding[at]! += 1;
        }
        return { object: "embedding", index, embedding };
      });
      return Response.json({ object: "list", data });
    },
  });
  state.url = `${server.url.origin}/v1/embeddings`;
  state.stop = () => server.stop(true);
  return state;
}
const HTTP = { embedder: "http" as const, model: "letters", dimension: 26, timeoutMs: 1000, cacheSize: 0 };
const NONE = { ...HTTP, embedder: "none" as const, url: "" };

describe("the built-in model", () => {
  test("finds what shares no word with the question, at once and after a restart", async () => {
    await f.start();
    await rememberAll();
    const before = await ask("Why did our food spoil?");
    expect([first(before), before.mode, before.warnings]).toEqual([
      expect.stringContaining("refrigerator"),
      "exact",
      [],
    ]);
    expect(await status()).toMatchObject({
      mode: "exact",
      indexed: 2,
      pending: 0,
      embedder_version: "static-minilm-256-v1",
    });
    // no word in common: the best atom's own sentence
    expect(before.text).toBe(TEXTS[0]!);
    await f.restart();
    expect(await ask("Why did our food spoil?")).toEqual(before);
  });

  test("quotes nothing when the nearest memory has nothing to do with the question", async () => {
    await f.start();
    await rememberAll();
    for (const question of ["quantum chromodynamics", "Who is the president of France?", "zzqqxx", "?!"]) {
      const answer = await ask(question);
      expect([question, answer.text]).toEqual([question, ""]);
      expect(answer.supporting_atoms.length).toBeGreaterThan(0);
    }
  });

  test("a forgotten atom is not found by its vector", async () => {
    await f.start();
    const id = await f.remember(atom(TEXTS[0]!));
    await f.remember(atom(TEXTS[1]!));
    await f.engine.forget(f.me, id);
    expect((await ask("Why did our food spoil?")).supporting_atoms.map((a) => a.id)).not.toContain(id);
  });

  test("embeds in the background what was remembered without vectors", async () => {
    f.embedder = NONE;
    await f.start();
    await rememberAll();
    const lexical = await ask("Why did our food spoil?");
    expect([lexical.mode, lexical.warnings.length]).toEqual(["lexical", 1]);
    f.embedder = undefined;
    await f.restart();
    await until(async () => (await status()).pending === 0);
    expect(first(await ask("Why did our food spoil?"))).toContain("refrigerator");
  });
});

describe("a provider", () => {
  test("atoms are acknowledged first and embedded later; asks use its space when it covers the world", async () => {
    const http = provider();
    f.embedder = { ...HTTP, url: http.url };
    await f.start();
    await rememberAll();
    await until(async () => (await status()).pending === 0);
    const answer = await ask("ddddd gate green");
    expect([answer.mode, answer.warnings, first(answer)]).toEqual([
      "exact",
      [],
      expect.stringContaining("gate"),
    ]);
    expect((await status()).embedder_version).toBe("letters-26-v1");
    expect(http.texts).toContain("ddddd gate green");
    await http.stop();
  });

  test("while it is away asks go on by words and say so; what was remembered is embedded when it is back", async () => {
    const http = provider();
    http.fail = true;
    f.embedder = { ...HTTP, url: http.url };
    await f.start();
    await rememberAll();
    const answer = await ask("What colour is the gate?");
    expect([answer.mode, first(answer)]).toEqual(["lexical", expect.stringContaining("gate")]);
    expect(answer.warnings.join()).toContain("provider");
    expect((await status()).pending).toBe(2);
    http.fail = false;
    await f.restart();
    await until(async () => (await status()).pending === 0);
    await http.stop();
  });

  test("a change of space embeds anew while asks go on over the old one", async () => {
    await f.start();
    await rememberAll();
    const http = provider();
    http.fail = true;
    f.embedder = { ...HTTP, url: http.url };
    await f.restart();
    const old = await ask("Why did our food spoil?");
    expect([old.mode, first(old)]).toEqual(["exact", expect.stringContaining("refrigerator")]);
    expect(await status()).toMatchObject({ pending: 2, rebuilding: true });
    http.fail = false;
    await f.restart();
    await until(async () => (await status()).pending === 0);
    expect((await ask("gate")).mode).toBe("exact");
    await http.stop();
  });
});
