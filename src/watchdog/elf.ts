import { closeSync, openSync, readSync } from "node:fs";

/** Where `bun build --compile` puts the program, its bytecode and its files. */
const BUNDLE = ".bun";

/** Offsets and sizes of the 64-bit layout: see elf(5), Elf64_Ehdr and Elf64_Shdr. */
const EHDR = { bytes: 64, shoff: 0x28, shentsize: 0x3a, shnum: 0x3c, shstrndx: 0x3e } as const;
const SHDR = { name: 0, offset: 0x18, size: 0x20 } as const;
/** "\x7fELF", 64 bits, little-endian. */
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);

/** A part of the memory, as addresses. */
export interface Range {
  start: number;
  bytes: number;
}

/** A section as bytes of the file. */
interface Section {
  offset: number;
  bytes: number;
}

function readAt(fd: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  return buffer.subarray(0, readSync(fd, buffer, 0, bytes, offset));
}

/** @returns the section of that name; undefined when the file has none or is no 64-bit little-endian ELF file */
export function sectionOf(path: string, name: string): Section | undefined {
  const fd = openSync(path, "r");
  try {
    const head = readAt(fd, 0, EHDR.bytes);
    if (head.length < EHDR.bytes || !head.subarray(0, MAGIC.length).equals(MAGIC)) return;
    const size = head.readUInt16LE(EHDR.shentsize);
    const table = readAt(fd, Number(head.readBigUInt64LE(EHDR.shoff)), size * head.readUInt16LE(EHDR.shnum));
    const headers = Array.from({ length: Math.floor(table.length / size) }, (_, n) => {
      const at = n * size;
      return {
        name: table.readUInt32LE(at + SHDR.name),
        offset: Number(table.readBigUInt64LE(at + SHDR.offset)),
        bytes: Number(table.readBigUInt64LE(at + SHDR.size)),
      };
    });
    const strings = headers[head.readUInt16LE(EHDR.shstrndx)];
    if (!strings) return;
    const names = readAt(fd, strings.offset, strings.bytes);
    return headers.find((header) => names.subarray(header.name).indexOf(`${name}\0`, 0, "latin1") === 0);
  } finally {
    closeSync(fd);
  }
}

/**
 * Where the bundled program lies in memory: the whole pages of its section.
 * @param maps /proc/self/maps
 * @param page bytes of a page
 */
export function bundleRange(path: string, maps: string, page: number): Range | undefined {
  const section = sectionOf(path, BUNDLE);
  if (!section) return;
  for (const line of maps.split("\n")) {
    const [range = "", , offset = "", , , file] = line.split(/\s+/);
    if (file !== path) continue;
    const [from, to] = range.split("-").map((address) => Number.parseInt(address, 16)) as [number, number];
    const first = from + section.offset - Number.parseInt(offset, 16);
    if (first < from || first + section.bytes > to) continue;
    const start = Math.ceil(first / page) * page;
    return { start, bytes: Math.floor((first + section.bytes) / page) * page - start };
  }
  return;
}
