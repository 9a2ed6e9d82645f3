/** What holds for every embedder. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ManualClock } from "../../src/base/mod.ts";
import { createEmbedder, type Embedder, loadModel } from "../../src/embedder/mod.ts";
import { patient, withProvider } from "./fake-provider.ts";
import { dot } from "./reference.ts";

const settings = { url: "", model: "", dimension: 0, timeoutMs: 1, cacheSize: 1 };
const implementations: [string, () => Promise<Embedder>][] = [
  [
    "static",
    async () => createEmbedder({ ...settings, embedder: "static" }, await loadModel(), new ManualClock())!,
  ],
  ["http", async () => withProvider().embedder],
];

describe.each(implementations)("%s", (kind, make) => {
  test("says of which kind it is, and its space once it has answered", async () => {
    const embedder = await make();
    const [vector] = await embedder.embedMany(["spare key"], patient);
    expect(embedder.kind).toBe(kind as Embedder["kind"]);
    expect(embedder.space.model).not.toBe("");
    expect(embedder.space.dimension).toBe(vector!.length);
    expect(embedder.space.version).toBeGreaterThan(0);
  });

  test("gives each text its vector, at length one or zero, in order, and the same alone as among others", async () => {
    const embedder = await make();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string(), { maxLength: 80 }), async (many) => {
        const vectors = await embedder.embedMany(many, patient);
        expect(vectors.length).toBe(many.length);
        for (const [i, text] of many.entries()) {
          const length = Math.sqrt(dot(vectors[i]!, vectors[i]!));
          expect(length === 0 || Math.abs(length - 1) < 1e-6).toBe(true);
          expect(await embedder.embedMany([text], patient)).toEqual([vectors[i]!]);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("gives blank texts zero vectors of the space's size", async () => {
    const embedder = await make();
    const vectors = await embedder.embedMany(["", " \n\t"], patient);
    expect(embedder.space.dimension).toBeGreaterThan(0);
    for (const vector of vectors) expect(vector).toEqual(new Float32Array(embedder.space.dimension));
  });

  test("embeds no texts to no vectors", async () => {
    expect(await (await make()).embedMany([], patient)).toEqual([]);
  });
});

describe("createEmbedder", () => {
  const clock = new ManualClock();

  test("makes what the configuration names", async () => {
    expect(createEmbedder({ ...settings, embedder: "none" }, undefined, clock)).toBeUndefined();
    const http = createEmbedder(
      { ...settings, embedder: "http", url: "http://x.test", model: "bge-m3", dimension: 1024 },
      undefined,
      clock,
    );
    expect(http?.space).toEqual({ model: "bge-m3", dimension: 1024, version: 1 });
  });

  test("needs the model's memory for the static one", () => {
    expect(() => createEmbedder({ ...settings, embedder: "static" }, undefined, clock)).toThrow("memory");
  });
});
