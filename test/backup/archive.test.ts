/** The archive: readable by others, and every byte of it covered. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { verifyArchive } from "../../src/backup/mod.ts";
import { SEAL_BYTES } from "../../src/backup/seal.ts";
import { Fault } from "../../src/base/mod.ts";
import { archive, makeStore, Scratch } from "./harness.ts";

const scratch = new Scratch();
const store = scratch.path("data");
const file = scratch.path("a.tzst");
const broken = scratch.path("broken.tzst");
let bytes: Buffer;

beforeAll(async () => {
  makeStore(store, ["the kettle is blue", "the pot is green"]);
  await archive(store, file);
  bytes = readFileSync(file);
});
afterAll(() => scratch.remove());

async function refused(changed: Uint8Array): Promise<boolean> {
  writeFileSync(broken, changed);
  try {
    await verifyArchive(broken);
    return false;
  } catch (error) {
    if (error instanceof Fault && error.code === "damaged") return true;
    throw error;
  }
}

test("says what it holds", async () => {
  expect(await verifyArchive(file)).toMatchObject({
    format_version: 1,
    counts: { atoms: 2, worlds: 1 },
    files: [{ path: "data/dwbase.db" }],
    index: [],
  });
});

test("is a tar that GNU tar lists and zstd tests", () => {
  const listed = Bun.spawnSync(["tar", "--zstd", "-tf", file]);
  // a machine without them has nothing to say
  if (listed.exitCode === 127 || listed.stderr.toString().includes("zstd")) return;
  expect(listed.stdout.toString().trim().split("\n")).toEqual(["metadata.json", "data/dwbase.db"]);
});

test("is zstd to an independent decoder too", async () => {
  const { ZstdCodec } = await import("zstd-codec");
  const tar = await new Promise<Uint8Array>((resolve) => {
    ZstdCodec.run((zstd) =>
      resolve(new zstd.Streaming().decompress(bytes.subarray(0, bytes.length - SEAL_BYTES))),
    );
  });
  expect(Buffer.from(tar).includes("metadata.json")).toBe(true);
  expect(Buffer.from(tar).includes("SQLite format 3")).toBe(true);
});

test("every single bit of it that is flipped is found", async () => {
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << bit;
      if (!(await refused(changed))) throw new Error(`bit ${bit} of byte ${at} may be flipped`);
    }
  }
  console.log(`figure: ${bytes.length * 8} single bits of an archive flipped, every one found`);
});

test("whatever bytes are put in the place of others are found", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(bytes.length - 1),
      fc.uint8Array({ minLength: 1, maxLength: 64 }),
      async (at, other) => {
        const changed = Buffer.concat([bytes.subarray(0, at), other, bytes.subarray(at + other.length)]);
        fc.pre(!changed.equals(bytes));
        expect(await refused(changed)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

test.each([1, 4, SEAL_BYTES, 1000])("a cut of %d bytes is found, and so is as much more", async (count) => {
  expect(await refused(bytes.subarray(0, bytes.length - count))).toBe(true);
  expect(await refused(Buffer.concat([bytes, Buffer.alloc(count)]))).toBe(true);
});

test("an empty file is none", async () => {
  expect(await refused(new Uint8Array())).toBe(true);
});
