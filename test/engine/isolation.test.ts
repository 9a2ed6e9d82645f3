/** What one world holds never changes another's answers, and no question or memory, however odd, breaks an ask. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { checkNewAtom, type NewAtom } from "../../src/atom/mod.ts";
import { Dice, memory, sentence } from "../../src/load/mod.ts";
import { atom, contentOf, FIRM, Fixture, JSON_WANTED } from "./harness.ts";

let f: Fixture;
beforeEach(async () => {
  f = await Fixture.open();
});
afterEach(() => f.finish());

async function rememberAll(atoms: NewAtom[]): Promise<void> {
  for (let from = 0; from < atoms.length; from += 1000) {
    const reply = await f.engine.rememberBatch(f.me, atoms.slice(from, from + 1000), FIRM, JSON_WANTED);
    expect((contentOf(reply) as { errors: unknown[] }).errors).toEqual([]);
  }
}

function memories(seed: number, count: number, world: string): NewAtom[] {
  const dice = new Dice(seed);
  return Array.from({ length: count }, (_, n) =>
    checkNewAtom(memory(dice, n, world), { now: Date.now(), clockSane: true }),
  );
}

test("a world that grows leaves the order and the scores of another's answers as they were", async () => {
  await rememberAll(memories(1, 500, "small"));
  const dice = new Dice(2);
  const questions = Array.from({ length: 20 }, () => sentence(dice, 5));
  const answers = () =>
    Promise.all(
      questions.map(async (text) =>
        contentOf(await f.engine.ask(f.me, { world: "small", text, limit: 20, explain: true }, JSON_WANTED)),
      ),
    );
  const before = await answers();
  await rememberAll(memories(3, 5000, "large"));
  expect(await answers()).toEqual(before);
  await f.restart();
  expect(await answers()).toEqual(before);
});

describe("odd questions", () => {
  const ODD: Record<string, string> = {
    "ten thousand words": "boiler gate ".repeat(5000),
    "stop words alone": "what is it that they were to be",
    "emoji alone": "🦊🔥",
    "FTS5 operators and quotes": '"boiler" OR NEAR(gate, 5) AND NOT * ^ - : {} ()',
    "an unclosed quote": 'the "boiler',
    "other scripts": "где ключ 钥匙在哪里 أين المفتاح",
    "white space": " \n\t ",
    "a token of the index itself": "w1_boiler l1_x a1_ann",
    "one very long word": "x".repeat(60_000),
    "control characters": "boiler\u0001\u0000gate",
  };
  for (const [name, text] of Object.entries(ODD)) {
    test(name, async () => {
      await f.remember(atom("The boiler hums.", { labels: ["x"] }));
      await f.remember(atom("The gate is green."));
      const answer = contentOf(
        await f.engine.ask(f.me, { world: "w", text, explain: true }, JSON_WANTED),
      ) as {
        supporting_atoms: unknown[];
        scores: unknown[];
      };
      expect(answer.scores.length).toBe(answer.supporting_atoms.length);
    });
  }
});

describe("odd memories", () => {
  test("many that are equal, one of the largest size, and empty ones", async () => {
    await rememberAll(Array.from({ length: 3000 }, () => atom("The pump runs.")));
    const large = `${"The valve is stuck. ".repeat(12_000)}The spare valve lies in the shed.`;
    await f.remember(atom(large));
    await f.remember(
      checkNewAtom(
        { world: "w", worker: "ann", kind: "observation", payload_json: "" },
        { now: Date.now(), clockSane: true },
      ),
    );
    const ask = async (text: string) =>
      contentOf(await f.engine.ask(f.me, { world: "w", text, limit: 100 }, JSON_WANTED)) as {
        supporting_atoms: { payload_json: string }[];
      };
    expect((await ask("Does the pump run?")).supporting_atoms.length).toBe(100);
    expect((await ask("Where is the spare valve?")).supporting_atoms[0]!.payload_json.length).toBeGreaterThan(
      200_000,
    );
  });
});
