import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { LIMITS } from "../../src/base/mod.ts";
import { authorTerms, indexTerms, stem, TEXT_VERSION, words } from "../../src/text/mod.ts";
import golden from "./golden.json" with { type: "json" };

/** What FTS5 makes of each text: its tokens in order. */
function fts5(tokenizer: string, texts: string[]): string[][] {
  const db = new Database(":memory:");
  db.run(`CREATE VIRTUAL TABLE doc USING fts5(x, tokenize="${tokenizer}")`);
  db.run("CREATE VIRTUAL TABLE token USING fts5vocab(doc, instance)");
  const insert = db.prepare("INSERT INTO doc(rowid, x) VALUES (?, ?)");
  db.transaction(() => {
    for (const [i, text] of texts.entries()) insert.run(i, text);
  })();
  const out: string[][] = texts.map(() => []);
  for (const row of db
    .query<{ term: string; doc: number; offset: number }, []>("SELECT * FROM token")
    .iterate()) {
    out[row.doc]![row.offset] = row.term;
  }
  db.close();
  return out;
}

/** `count` made-up English-looking words, the same ones every time. */
function madeUpWords(count: number): string[] {
  const suffixes =
    `s es ies sses ed eed ing y ational tional enci anci izer bli abli alli entli eli ousli ization ation ator alism
    iveness fulness ousness aliti iviti biliti logi icate ative alize iciti ical ful ness al ance ence er ic able ible
    ant ement ment ent sion tion ou ism ate iti ous ive ize e ll yed ying ely ogy ably eedly`.split(/\s+/);
  let seed = 7;
  const below = (n: number): number => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed = (seed ^ (seed << 5)) >>> 0;
    return seed % n;
  };
  const out = new Set<string>();
  while (out.size < count) {
    let word = "";
    for (let letters = below(6); letters > 0; letters--) word += "aeioubcdfglmnprstwxyz"[below(21)];
    for (let endings = 1 + below(2); endings > 0; endings--) word += suffixes[below(suffixes.length)];
    out.add(word);
  }
  return [...out];
}

describe("stem", () => {
  // When -ed or -ing leaves a double y, FTS5 undoubles it and the package does not; no English word ends so.
  const DIFFERS = /yy(?:ed|ing)$/;

  test("is that of FTS5's porter", () => {
    const all = [...new Set([...golden.texts.flatMap(({ text }) => words(text)), ...madeUpWords(8000)])];
    const ascii = all.filter((word) => /^[a-z]+$/.test(word) && !DIFFERS.test(word));
    expect(ascii.length).toBeGreaterThan(7900);
    const theirs = fts5("porter ascii", ascii);
    expect(ascii.map((word) => [word, stem(word)])).toEqual(ascii.map((word, i) => [word, theirs[i]![0]!]));
  });

  test("differs from it in one class only", () => {
    expect([stem("xyying"), fts5("porter ascii", ["xyying"])[0]]).toEqual(["xyi", ["xy"]]);
  });

  test("leaves words of other letters and with digits as they are", () => {
    for (const word of ["läuft", "houses2", "дома", "東京"]) expect(stem(word)).toBe(word);
  });

  test("knows a word again after any number of others", () => {
    const before = stem("running");
    for (const word of madeUpWords(20_000)) stem(word);
    expect(stem("running")).toBe(before);
  });
});

describe("index terms", () => {
  test(`are frozen: version ${golden.version}`, () => {
    expect(golden.version).toBe(TEXT_VERSION);
    for (const { text, terms } of golden.texts)
      expect([text, indexTerms(text).join(" ")]).toEqual([text, terms]);
  });

  // A runtime that brings newer Unicode tables changes this: see src/text/DESIGN.md.
  test("are frozen for every character", () => {
    const hash = createHash("sha256");
    for (let block = 0; block < 0x110000; block += 256) {
      let text = "";
      for (let i = 0; i < 256; i++) text += `a${String.fromCodePoint(block + i)}b `;
      hash.update(`${words(text).join(" ")}\n`);
    }
    expect(hash.digest("hex")).toBe(golden.characters);
  });

  test("are the stems of the words in order, with repeats", () => {
    expect(indexTerms("Dogs and a dog: 21.5 kg")).toEqual(["dog", "and", "a", "dog", "21p5", "kg"]);
  });

  test("are bounded", () => {
    expect(indexTerms("a ".repeat(LIMITS.atomTerms + 1))).toHaveLength(LIMITS.atomTerms);
    for (const term of indexTerms(`${"ab".repeat(100)} ${"é".repeat(100)}`))
      expect(term).toHaveLength(LIMITS.termChars);
  });

  test("come back from FTS5 whole, with any prefix", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string()), (text) => {
        const tokens = indexTerms(text).map((term) => `w12_${term}`);
        expect(fts5("ascii tokenchars '_'", [tokens.join(" ")])).toEqual([tokens]);
      }),
      { numRuns: 50 },
    );
  });
});

describe("author terms", () => {
  test("are the distinct lower-case words of a name, unstemmed", () => {
    expect(authorTerms("Caroline Jones")).toEqual(["caroline", "jones"]);
    expect(authorTerms("living_room.sensor-2.5 Sensor")).toEqual(["living", "room", "sensor", "2p5"]);
    expect(authorTerms("2.5")).toEqual(["2p5"]);
    expect(authorTerms("José 山田")).toEqual(["josé", "山田"]);
    expect(authorTerms("!")).toEqual([]);
  });

  test("are bounded", () => {
    const name = Array.from({ length: 100 }, (_, i) => `n${i}`).join(" ");
    expect(authorTerms(name)).toHaveLength(LIMITS.authorTerms);
  });
});
