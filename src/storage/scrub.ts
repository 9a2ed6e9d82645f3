import { closeSync, constants, fdatasyncSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { LIMITS } from "../base/mod.ts";

/**
 * SQLite's secure_delete overwrites deleted cells, but a page that it rebuilds while balancing keeps stale copies of
 * moved cells in its unallocated gap, and those copies outlive the deletion of the cell. The scrub zeroes these gaps
 * in the database file. A gap is never read by SQLite, so readers may go on meanwhile; the caller makes sure that the
 * WAL is empty and the writer's page cache dropped. A gap's bytes are written within one page, so a power cut leaves
 * each page valid (SQLite itself relies on such writes leaving the bytes around them alone).
 */

const PAGE = LIMITS.pageSize;
const INTERIOR_INDEX = 2;
const LEAF_INDEX = 10;
const LEAF_TABLE = 13;
/** SQLite keeps the page at this offset unused, for file locks. */
const PENDING_BYTE_PAGE = 0x40000000 / PAGE + 1;
/** With auto_vacuum, pages 2, 2+k, 2+2k, … map others to their parents, five bytes each. */
const MAP_SPAN = Math.floor(PAGE / 5) + 1;

function isPointerMap(page: number): boolean {
  if (page < 2) return false;
  const map = Math.floor((page - 2) / MAP_SPAN) * MAP_SPAN + 2;
  return page === (map === PENDING_BYTE_PAGE ? map + 1 : map);
}

/**
 * The unallocated gap of page number `number` (from 1) as [start, end) in the page, when the page is a b-tree page
 * that can hold content and its layout is sound; an odd page is left to the integrity check.
 */
export function gapOf(page: Uint8Array, number: number): [number, number] | undefined {
  if (isPointerMap(number) || number === PENDING_BYTE_PAGE) return undefined;
  const header = number === 1 ? 100 : 0;
  const type = page[header]!;
  if (type !== LEAF_TABLE && type !== LEAF_INDEX && type !== INTERIOR_INDEX) return undefined;
  const view = new DataView(page.buffer, page.byteOffset, PAGE);
  const cells = view.getUint16(header + 3);
  const content = view.getUint16(header + 5);
  const pointers = header + (type === INTERIOR_INDEX ? 12 : 8);
  const start = pointers + cells * 2;
  if (content < start || content > PAGE) return undefined;
  for (let at = pointers; at < start; at += 2) if (view.getUint16(at) < content) return undefined;
  return [start, content];
}

const SLICE_PAGES = 256;
const ZEROS = Buffer.alloc(PAGE);

function clean(fd: number, page: Uint8Array, number: number): boolean {
  const gap = gapOf(page, number);
  if (!gap) return false;
  const [start, end] = gap;
  if (ZEROS.compare(page, start, end, 0, end - start) === 0) return false;
  writeSync(fd, ZEROS, 0, end - start, (number - 1) * PAGE + start);
  return true;
}

function withFile(path: string, work: (fd: number) => boolean): void {
  const fd = openSync(path, constants.O_RDWR);
  try {
    if (work(fd)) fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A scrub of a whole database file, a slice at a time. */
export class Scrub {
  private next = 1;

  constructor(private readonly path: string) {}

  /** Scrubs about 1 MiB. @returns whether there is more */
  slice(): boolean {
    const pages = Math.floor(statSync(this.path).size / PAGE);
    withFile(this.path, (fd) => {
      const buffer = Buffer.alloc(SLICE_PAGES * PAGE);
      const got = readSync(fd, buffer, 0, buffer.length, (this.next - 1) * PAGE);
      let wrote = false;
      for (let at = 0; at + PAGE <= got; at += PAGE) {
        wrote = clean(fd, buffer.subarray(at, at + PAGE), this.next) || wrote;
        this.next += 1;
      }
      if (got < PAGE) this.next = pages + 1;
      return wrote;
    });
    return this.next <= pages;
  }
}

/** Scrubs single pages, numbered from 1. */
export function scrubPages(path: string, pages: Iterable<number>): void {
  withFile(path, (fd) => {
    const page = Buffer.alloc(PAGE);
    let wrote = false;
    for (const number of pages) {
      if (readSync(fd, page, 0, PAGE, (number - 1) * PAGE) === PAGE) wrote = clean(fd, page, number) || wrote;
    }
    return wrote;
  });
}

const WAL_HEADER = 32;
const FRAME_HEADER = 24;

/** Numbers of the pages that have a frame in a WAL file (frames of an earlier round included: harmless here). */
export function walPages(path: string): Set<number> {
  const pages = new Set<number>();
  const fd = openSync(path, constants.O_RDONLY);
  try {
    const head = Buffer.alloc(4);
    for (let at = WAL_HEADER; readSync(fd, head, 0, 4, at) === 4; at += FRAME_HEADER + PAGE) {
      pages.add(head.readUInt32BE(0));
    }
  } finally {
    closeSync(fd);
  }
  return pages;
}
