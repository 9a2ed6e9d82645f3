/** The scrub cleans the unused middle of b-tree pages and nothing else. */
import { describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LIMITS, layout } from "../../src/base/mod.ts";
import { gapOf, Scrub, scrubPages, walPages } from "../../src/storage/scrub.ts";
import { tempDir, withPlainStore } from "./harness.ts";

const PAGE = LIMITS.pageSize;
const LEAF_TABLE = 13;
const LEAF_INDEX = 10;
const INTERIOR_INDEX = 2;
const INTERIOR_TABLE = 5;

/** A page with cells at these offsets; all bytes that are not its header are 0xff. */
function page(type: number, cells: number[], content = Math.min(PAGE, ...cells), header = 0): Uint8Array {
  const bytes = new Uint8Array(PAGE).fill(0xff);
  const view = new DataView(bytes.buffer);
  view.setUint8(header, type);
  view.setUint16(header + 3, cells.length);
  view.setUint16(header + 5, content);
  const pointers = header + (type === INTERIOR_INDEX ? 12 : 8);
  cells.forEach((cell, i) => {
    view.setUint16(pointers + 2 * i, cell);
  });
  return bytes;
}

describe("the gap of a page", () => {
  test("lies between the cell pointers and the first cell", () => {
    expect(gapOf(page(LEAF_TABLE, [4000, 3000, 3500]), 3)).toEqual([8 + 6, 3000]);
    expect(gapOf(page(LEAF_INDEX, [4000]), 3)).toEqual([8 + 2, 4000]);
    expect(gapOf(page(INTERIOR_INDEX, [4000]), 3)).toEqual([12 + 2, 4000]);
    expect(gapOf(page(LEAF_TABLE, []), 3)).toEqual([8, PAGE]);
  });

  test("begins later on the first page, which has the file's header", () => {
    expect(gapOf(page(LEAF_TABLE, [4000], 4000, 100), 1)).toEqual([110, 4000]);
  });

  test.each<[string, Uint8Array]>([
    ["a page of keys only", page(INTERIOR_TABLE, [4000])],
    ["an overflow or free page", page(0, [])],
    ["cells before the content", page(LEAF_TABLE, [3000, 2000], 3000)],
    ["pointers that run into the content", page(LEAF_TABLE, [9, 9, 9], 9)],
    ["content beyond the page", page(LEAF_TABLE, [], PAGE + 1)],
  ])("is not touched in %s", (_, bytes) => {
    expect(gapOf(bytes, 3)).toBeUndefined();
  });

  test("is not looked for in pointer maps, nor where files are locked", () => {
    const leaf = page(LEAF_TABLE, [4000]);
    const span = Math.floor(PAGE / 5) + 1;
    const lock = 0x40000000 / PAGE + 1;
    for (const number of [2, 2 + span, 2 + 7 * span, lock]) expect(gapOf(leaf, number)).toBeUndefined();
    for (const number of [3, 1 + span, 3 + span, lock - 1]) expect(gapOf(leaf, number)).toBeDefined();
  });
});

describe("a scrub", () => {
  const leaf = page(LEAF_TABLE, [4000]);
  const cleaned = leaf.slice().fill(0, 10, 4000);
  const other = page(0, []);

  /** A file of pages; what `act` makes of it. */
  function scrubbed(pages: Uint8Array[], act: (path: string) => void): Uint8Array[] {
    const dir = tempDir();
    const path = join(dir, "file");
    writeFileSync(path, Buffer.concat(pages));
    act(path);
    const bytes = new Uint8Array(readFileSync(path));
    rmSync(dir, { recursive: true });
    return pages.map((_, i) => bytes.subarray(i * PAGE, (i + 1) * PAGE));
  }

  test("of a file goes a slice at a time", () => {
    const pages = [other, other, ...Array.from({ length: 600 }, () => leaf), other];
    let slices = 1;
    const after = scrubbed(pages, (path) => {
      const scrub = new Scrub(path);
      while (scrub.slice()) slices += 1;
    });
    expect(slices).toBe(3);
    expect(after.slice(2, -1).every((bytes) => Buffer.compare(bytes, cleaned) === 0)).toBe(true);
    expect(after.at(-1)).toEqual(other);
  });

  test("of single pages leaves the others", () => {
    const after = scrubbed([other, other, leaf, leaf, leaf], (path) => scrubPages(path, [4, 99]));
    expect(after).toEqual([other, other, leaf, cleaned, leaf]);
  });
});

test("the pages of a WAL are those that its frames name", () => {
  withPlainStore((store) => {
    store.pass(1000);
    store.remember("x");
    const pages = walPages(layout(store.dir).wal);
    const { page_count } = store.db.query<{ page_count: number }, []>("PRAGMA page_count").get()!;
    expect(pages.size).toBeGreaterThan(1);
    for (const number of pages) {
      expect(number).toBeGreaterThan(0);
      expect(number).toBeLessThanOrEqual(page_count);
    }
  });
});
