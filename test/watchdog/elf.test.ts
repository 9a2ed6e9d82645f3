import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleRange, sectionOf } from "../../src/watchdog/elf.ts";

/** A 64-bit little-endian ELF file of nothing but sections; their bytes are not there. */
function elf(sections: { name: string; offset: number; bytes: number }[]): Buffer {
  const names = Buffer.from(`\0${[...sections.map(({ name }) => name), ".shstrtab"].join("\0")}\0`);
  const at = (name: string): number => names.indexOf(`\0${name}\0`) + 1;
  const rows = [...sections, { name: ".shstrtab", offset: 64, bytes: names.length }];
  const head = Buffer.alloc(64);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  head.writeBigUInt64LE(BigInt(64 + names.length), 0x28);
  head.writeUInt16LE(64, 0x3a);
  head.writeUInt16LE(rows.length, 0x3c);
  head.writeUInt16LE(rows.length - 1, 0x3e);
  const table = rows.map(({ name, offset, bytes }) => {
    const row = Buffer.alloc(64);
    row.writeUInt32LE(at(name), 0);
    row.writeBigUInt64LE(BigInt(offset), 0x18);
    row.writeBigUInt64LE(BigInt(bytes), 0x20);
    return row;
  });
  return Buffer.concat([head, names, ...table]);
}

function withFile(bytes: Uint8Array, look: (path: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "dwbase-elf-"));
  try {
    writeFileSync(join(dir, "exe"), bytes);
    look(join(dir, "exe"));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const BUNDLED = elf([
  { name: ".text", offset: 0x1000, bytes: 0x2000 },
  { name: ".bun_builtins", offset: 0x3000, bytes: 0x10 },
  { name: ".bun", offset: 0x9008, bytes: 0x20000 },
]);

describe("sections of an executable", () => {
  test("are found by their whole name", () => {
    withFile(BUNDLED, (path) => {
      expect(sectionOf(path, ".bun")).toMatchObject({ offset: 0x9008, bytes: 0x20000 });
      expect(sectionOf(path, ".text")).toMatchObject({ offset: 0x1000, bytes: 0x2000 });
      expect(sectionOf(path, ".bu")).toBeUndefined();
    });
  });

  test("are none in a file of another kind, or in one that was cut off", () => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from("#!/bin/sh\n"),
      Buffer.alloc(200),
      BUNDLED.subarray(0, 64),
    ])
      withFile(bytes, (path) => expect(sectionOf(path, ".bun")).toBeUndefined());
  });

  test("are those of the running program as well", () => {
    expect(sectionOf(process.execPath, ".text")!.bytes).toBeGreaterThan(2 ** 20);
  });
});

describe("the bundle in memory", () => {
  const maps = (path: string): string =>
    [
      `00400000-00404000 r-xp 00000000 fe:00 7 ${path}`,
      "00500000-00600000 rw-p 00008000 fe:00 9 /lib/other",
      `00700000-00800000 rw-p 00008000 fe:00 7 ${path}`,
      "7ffe0000-7fff0000 rw-p 00000000 00:00 0 [stack]",
    ].join("\n");

  test("is the whole pages of its section, 4 and 16 KiB large", () => {
    withFile(BUNDLED, (path) => {
      // the section lies at 0x701008 to 0x721008
      expect(bundleRange(path, maps(path), 0x1000)).toEqual({ start: 0x702000, bytes: 0x1f000 });
      expect(bundleRange(path, maps(path), 0x4000)).toEqual({ start: 0x704000, bytes: 0x1c000 });
    });
  });

  test("is unknown where no mapping holds all of it", () => {
    withFile(BUNDLED, (path) => {
      expect(bundleRange(path, maps("/another"), 0x1000)).toBeUndefined();
      const short = maps(path).replace("00700000-00800000", "00700000-00710000");
      expect(bundleRange(path, short, 0x1000)).toBeUndefined();
    });
  });
});
