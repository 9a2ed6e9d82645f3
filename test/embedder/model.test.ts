/** The model file: whole, or refused with what is wrong. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Fault } from "../../src/base/mod.ts";
import { StaticEmbedder } from "../../src/embedder/mod.ts";
import { shareModel } from "../../src/embedder/model.ts";

const path = join(import.meta.dir, "../../src/embedder/model/static-minilm-256-i8.bin");

/** A model of two dimensions with these pieces; row i is [i + 1, -1]. */
function tinyModel(pieces: string[], change: (file: DataView) => void = () => {}): Uint8Array<ArrayBuffer> {
  const vocabulary = new TextEncoder().encode(pieces.join("\n"));
  const valuesAt = Math.ceil((20 + vocabulary.length) / 16) * 16;
  const file = new Uint8Array(valuesAt + pieces.length * 2);
  const view = new DataView(file.buffer);
  file.set(new TextEncoder().encode("DWE1"));
  view.setUint32(4, pieces.length, true);
  view.setUint32(8, 2, true);
  view.setUint32(12, vocabulary.length, true);
  view.setFloat32(16, 1, true);
  file.set(vocabulary, 20);
  pieces.forEach((_, i) => {
    view.setInt8(valuesAt + i * 2, i + 1);
    view.setInt8(valuesAt + i * 2 + 1, -1);
  });
  change(view);
  return file;
}

/** The sum of the rows that a text meets, seen through the first number over the second. */
async function rowsOf(pieces: string[], text: string): Promise<number> {
  const [x, y] = new StaticEmbedder(await shareModel(new Blob([tinyModel(pieces)]))).embed(text);
  return y === 0 ? 0 : Math.round((x! / -y!) * 1000) / 1000;
}

test("the file is the one that the model card describes", async () => {
  const bytes = await Bun.file(path).bytes();
  const digest = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  expect(await Bun.file(join(path, "../MODEL_CARD.md")).text()).toContain(digest);
});

describe("a damaged file is refused", () => {
  const damage: [string, Uint8Array<ArrayBuffer>, string][] = [
    ["empty", new Uint8Array(), "header"],
    ["of another format", tinyModel(["a"], (f) => f.setUint8(0, 0)), "header"],
    ["without rows", tinyModel(["a"], (f) => f.setUint32(4, 0, true)), "0 rows"],
    [
      "with more rows than can be counted",
      tinyModel(["a"], (f) => f.setUint32(4, 70_000, true)),
      "70000 rows",
    ],
    ["cut short", tinyModel(["a", "b"]).slice(0, -1), "bytes instead of"],
    ["longer than it says", tinyModel(["a", "b"], (f) => f.setUint32(8, 1, true)), "bytes instead of"],
    ["with fewer pieces than rows", tinyModel(["a b", "c"], (f) => f.setUint8(23, 0x20)), "vocabulary"],
    ["with more pieces than rows", tinyModel(["a b", "c"], (f) => f.setUint8(21, 0x0a)), "vocabulary"],
  ];
  test.each(damage)("%s", async (_, file, why) => {
    const fault = await shareModel(new Blob([file])).catch((error: Fault) => error);
    expect(fault).toBeInstanceOf(Fault);
    expect((fault as Fault).code).toBe("damaged");
    expect((fault as Fault).message).toContain(why);
  });
});

describe("pieces", () => {
  test("are the longest that match, continued ones with their mark", async () => {
    const pieces = ["key", "keys", "##board", "##s", "board", "k", "##e", "##y"];
    expect(await rowsOf(pieces, "key")).toBe(1);
    expect(await rowsOf(pieces, "keys")).toBe(2);
    expect(await rowsOf(pieces, "keyboard")).toBe((1 + 3) / 2);
    expect(await rowsOf(pieces, "board")).toBe(5);
    expect(await rowsOf(pieces, "kee")).toBe(Math.round(((6 + 7 + 7) / 3) * 1000) / 1000);
  });

  test("that only continue do not begin a word, nor the other way round", async () => {
    expect(await rowsOf(["##board"], "board")).toBe(0);
    expect(await rowsOf(["key", "board"], "keyboard")).toBe(0);
    expect(await rowsOf(["#", "a"], "##a")).toBe(Math.round((4 / 3) * 1000) / 1000);
  });

  test("of several bytes are whole characters", async () => {
    expect(await rowsOf(["ж", "##и"], "жи")).toBe(1.5);
    expect(await rowsOf(["日", "本", "\u{20000}"], "日本\u{20000}")).toBe(2);
  });
});
