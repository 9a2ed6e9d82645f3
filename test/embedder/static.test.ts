/** The built-in embedder against its reference vectors, and what holds for every text. */
import { beforeAll, describe, expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { LIMITS } from "../../src/base/mod.ts";
import { loadModel, quantise, StaticEmbedder, spaceName } from "../../src/embedder/mod.ts";
import { cosine, dot, type Reference, references } from "./reference.ts";

let shared: SharedArrayBuffer;
let embedder: StaticEmbedder;
let expected: Reference[];
beforeAll(async () => {
  shared = await loadModel();
  embedder = new StaticEmbedder(shared);
  expected = await references();
});

const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary" }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc
    .array(fc.constantFrom("the", "spare", "Key", "İ", "Σ", "日本", "...", "don't", "x".repeat(101)))
    .map((w) => w.join(" ")),
);
const zero = () => new Float32Array(embedder.space.dimension);

describe("the reference", () => {
  test("every text has its vector, to a cosine of 0.9999", () => {
    expect(expected.length).toBe(262);
    const wrong = expected.filter(({ text, vector }) => cosine(embedder.embed(text), vector) < 0.9999);
    expect(wrong.map(({ text }) => text)).toEqual([]);
  });

  test("int8 keeps a vector's direction to a cosine of 0.999, and the cosines between texts to 0.001 on average", () => {
    const floats = expected.map(({ text }) => embedder.embed(text));
    const bytes = expected.map(({ text }) => embedder.embedInt8(text));
    for (const [i, vector] of floats.entries()) expect(cosine(vector, bytes[i]!)).toBeGreaterThan(0.999);
    const errors = floats.flatMap((a, i) =>
      floats.slice(i + 1).map((b, k) => Math.abs(cosine(a, b) - cosine(bytes[i]!, bytes[i + 1 + k]!))),
    );
    expect(errors.reduce((sum, error) => sum + error) / errors.length).toBeLessThan(0.001);
    expect(Math.max(...errors)).toBeLessThan(0.005);
  });
});

describe("every text", () => {
  test("has a vector of length one, or of length zero", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const vector = embedder.embed(text);
        const length = Math.sqrt(dot(vector, vector));
        expect(vector.length).toBe(256);
        expect(length === 0 || Math.abs(length - 1) < 1e-6).toBe(true);
      }),
    );
  });

  test("has the same vector again, in another embedder over the same memory, and between white space", () => {
    const other = new StaticEmbedder(shared);
    const blank = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r", "\u3000", "\u2028") });
    fc.assert(
      fc.property(anyText, blank, blank, (text, before, after) => {
        const vector = embedder.embed(text);
        expect(embedder.embed(text)).toEqual(vector);
        expect(other.embed(before + text + after)).toEqual(vector);
      }),
    );
  });

  test("has the same direction as int8, whatever stood in the place for the result", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const out = new Int8Array(256).fill(77);
        expect(embedder.embedInt8(text, out)).toBe(out);
        expect(cosine(out, embedder.embed(text))).toBeGreaterThan(0.999);
      }),
    );
  });
});

describe("words", () => {
  const same = (a: string, b: string) => expect(embedder.embed(a)).toEqual(embedder.embed(b));

  test("are compared without case, marks and control characters", () => {
    same("CAFÉ ΟΔΟΣ", "cafe οδοσ");
    same("İstanbul", "istanbul");
    same("spare\u200b key\0", "spare key");
    same("spare \ud800key\ufffd", "spare key");
  });

  test("end at punctuation and around ideographs", () => {
    same("blue-clock,door", "blue - clock , door");
    same("behind日本the", "behind 日 本 the");
  });

  test("count in no order, each as often as it comes", () => {
    same("blue clock", "clock blue");
    same("clock", "clock clock");
    expect(embedder.embed("blue clock")).not.toEqual(embedder.embed("blue clock clock"));
  });

  test("with an unknown part, or of more than 100 characters, are left out whole", () => {
    same("key \u{10ffff}", "key");
    same("key key\u{10ffff}", "key");
    expect(embedder.embed("key 😀😀")).toEqual(embedder.embed("key"));
    expect(embedder.embed("a".repeat(LIMITS.embedWordChars))).not.toEqual(zero());
    expect(embedder.embed("a".repeat(LIMITS.embedWordChars + 1))).toEqual(zero());
  });

  test("that nobody knows give a zero vector", () => {
    for (const text of ["", " \n", "😀", "\0"]) expect(embedder.embed(text)).toEqual(zero());
  });
});

describe("long text", () => {
  test("counts to 512 pieces", () => {
    const full = "key ".repeat(LIMITS.embedPieces);
    expect(embedder.embed(`${full}clock`)).toEqual(embedder.embed(full));
    expect(embedder.embed(`${"key ".repeat(LIMITS.embedPieces - 1)}clock`)).not.toEqual(
      embedder.embed("key"),
    );
  });

  test("is cut at 65,536 characters", () => {
    const blank = " ".repeat(LIMITS.embedTextChars - 3);
    expect(embedder.embed(`${blank}key`)).toEqual(embedder.embed("key"));
    expect(embedder.embed(`${blank}keyboard`)).toEqual(embedder.embed("key"));
    expect(embedder.embed(`${blank}日本語 clock`)).toEqual(embedder.embed("日本語"));
  });

  test("is normalised character by character: runs of marks take time that grows with their square", () => {
    const normalize = spyOn(String.prototype, "normalize");
    const marks = "\u0315".repeat(200) + "\u0327".repeat(200);
    expect(embedder.embed(`key${marks} clock`)).toEqual(embedder.embed("key clock"));
    expect(normalize.mock.contexts.every((text) => [...String(text)].length === 1)).toBe(true);
    expect(normalize).toHaveBeenCalled();
    normalize.mockRestore();
  });
});

describe("a space", () => {
  test("names model, dimension and version", () => {
    expect(embedder.space).toEqual({ model: "static-minilm", dimension: 256, version: 1 });
    expect(spaceName(embedder.space)).toBe("static-minilm-256-v1");
    expect(spaceName({ model: "BAAI/bge-m3", dimension: 1024, version: 2 })).toBe("BAAI-bge-m3-1024-v2");
  });

  test("puts texts of like meaning nearer than others", () => {
    const like = cosine(
      embedder.embed("Where is the spare key?"),
      embedder.embed("The extra key hangs on the wall"),
    );
    const unlike = cosine(
      embedder.embed("Where is the spare key?"),
      embedder.embed("Temperature rose to 21 degrees"),
    );
    expect(like).toBeGreaterThan(unlike + 0.2);
  });
});

describe("int8", () => {
  test("uses the whole range, keeps zero, and is one call over floats", () => {
    expect([...quantise([0.5, -0.25, 0, 0.001])]).toEqual([127, -63, 0, 0]);
    expect([...quantise([0, 0])]).toEqual([0, 0]);
    expect([...quantise(new Float32Array([-2, 1]))]).toEqual([-127, 64]);
  });
});
