import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { decodeUtf8, LIMITS } from "../base/mod.ts";
import type { Column } from "./sums.ts";
import { scanWal } from "./wal.ts";

/*
 * Reads SQLite's file format (https://sqlite.org/fileformat2.html) page by page, without its b-trees: for salvage from
 * a database whose trees, schema or header cannot be trusted any more.
 */

const INTERIOR_INDEX = 2;
const INTERIOR_TABLE = 5;
const LEAF_INDEX = 10;
const LEAF_TABLE = 13;

/** A row as it lies on a page. */
export interface Cell {
  /** Undefined in an index, which tables WITHOUT ROWID are too. */
  rowid: number | undefined;
  values: Column[];
  /** Its first byte on the page, and the first behind its part of the page. */
  start: number;
  end: number;
}

/** One of the contents that a page has: the newest, or one before it. */
export interface PageVersion {
  number: number;
  bytes: Uint8Array;
}

/** Where a page's content lies. */
interface Place {
  fd: number;
  offset: number;
}

export class PageFile {
  readonly pageSize: number;
  readonly pages: number;
  private readonly usable: number;
  /** Pages of the database file; a killed node's log may have more. */
  private readonly inFile: number;
  private readonly fds: number[] = [];
  /** Newer contents than the database file's, newest last. */
  private readonly newer = new Map<number, Place[]>();
  /** Pages that the device did not give. */
  readonly unreadable = new Set<number>();

  /** @throws the system's error when the file cannot be opened */
  constructor(database: string, wal: string) {
    const fd = this.open(database);
    const head = Buffer.alloc(100);
    this.tryRead(fd, head, 0);
    const size = head.readUInt16BE(16);
    const told = size === 1 ? 65_536 : size;
    this.pageSize = told >= 512 && (told & (told - 1)) === 0 ? told : LIMITS.pageSize;
    const reserved = head[20]!;
    this.usable = this.pageSize - (reserved <= 32 ? reserved : 0);
    this.inFile = Math.ceil(fstatSync(fd).size / this.pageSize);
    this.pages = Math.max(this.inFile, this.addWal(wal));
  }

  /** @returns the highest page in the log */
  private addWal(path: string): number {
    if (!existsSync(path)) return 0;
    const scan = scanWal(path);
    if (scan.pageSize !== this.pageSize) return 0;
    const fd = this.open(path);
    // what follows the last commit was never acknowledged
    const committed = scan.frames.findLastIndex((frame) => frame.commit > 0);
    let highest = 0;
    for (const { page, offset } of scan.frames.slice(0, committed + 1)) {
      highest = Math.max(highest, page);
      const places = this.newer.get(page) ?? [];
      places.push({ fd, offset });
      this.newer.set(page, places);
    }
    return highest;
  }

  private open(path: string): number {
    const fd = openSync(path, "r");
    this.fds.push(fd);
    return fd;
  }

  private tryRead(fd: number, into: Uint8Array, offset: number): boolean {
    try {
      return readSync(fd, into, 0, into.length, offset) === into.length;
    } catch {
      return false;
    }
  }

  /** Every content of the log's pages, newest first. */
  *logPages(): Generator<PageVersion> {
    for (const [number, places] of this.newer) {
      for (let back = 0; back < places.length; back++) {
        const page = this.page(number, back);
        if (page) yield page;
      }
    }
  }

  /** How many contents a page has. */
  versions(number: number): number {
    return 1 + (this.newer.get(number)?.length ?? 0);
  }

  /** A content of a page, the newest for `back` 0; undefined when there is none or the device does not give it. */
  page(number: number, back = 0): PageVersion | undefined {
    if (number < 1 || number > this.pages) return undefined;
    const places = this.newer.get(number) ?? [];
    const at = places.length - 1 - back;
    const place = at >= 0 ? places[at]! : { fd: this.fds[0]!, offset: (number - 1) * this.pageSize };
    if (at < -1 || (at === -1 && number > this.inFile)) return undefined;
    const bytes = new Uint8Array(this.pageSize);
    if (this.tryRead(place.fd, bytes, place.offset)) return { number, bytes };
    this.unreadable.add(number);
    return undefined;
  }

  /**
   * The rows of a page of a table or an index, as far as they can be read.
   * @param onOdd called when something of the page does not fit the format
   */
  *cells(page: PageVersion, onOdd: () => void): Generator<Cell> {
    const { bytes } = page;
    const header = page.number === 1 ? 100 : 0;
    const type = bytes[header]!;
    if (type !== LEAF_TABLE && type !== LEAF_INDEX && type !== INTERIOR_INDEX) {
      if (type !== 0 && type !== INTERIOR_TABLE) onOdd();
      return;
    }
    const view = viewOf(bytes);
    const first = header + (type === INTERIOR_INDEX ? 12 : 8);
    const count = view.getUint16(header + 3);
    if (first + count * 2 > this.usable) return onOdd();
    for (let i = 0; i < count; i++) {
      const at = view.getUint16(first + i * 2) + (type === INTERIOR_INDEX ? 4 : 0);
      const cell = at < first + count * 2 ? undefined : this.cell(bytes, at, type === LEAF_TABLE);
      if (cell) yield cell;
      else onOdd();
    }
  }

  /** The row that begins at a byte of a page, or undefined when none does. @param table with a rowid */
  cell(bytes: Uint8Array, start: number, table: boolean): Cell | undefined {
    const size = varint(bytes, start);
    const id = size && table ? varint(bytes, size.end) : undefined;
    if (!size || (table && !id)) return undefined;
    const payload = size.value;
    const from = id ? id.end : size.end;
    const local = this.localSize(payload, table);
    const spills = local < payload;
    const end = from + local + (spills ? 4 : 0);
    if (payload < 1 || payload > MOST || end > this.usable) return undefined;
    let record = bytes.subarray(from, from + local);
    if (spills) {
      const rest = this.overflow(viewOf(bytes).getUint32(from + local), payload - local);
      if (!rest) return undefined;
      record = Buffer.concat([record, rest]);
    }
    const values = decodeRecord(record);
    return values && { rowid: id?.value, values, start, end };
  }

  /** How much of a payload lies on the page itself. */
  private localSize(payload: number, table: boolean): number {
    const u = this.usable;
    const most = table ? u - 35 : Math.floor(((u - 12) * 64) / 255) - 23;
    if (payload <= most) return payload;
    const least = Math.floor(((u - 12) * 32) / 255) - 23;
    const wanted = least + ((payload - least) % (u - 4));
    return wanted <= most ? wanted : least;
  }

  private overflow(first: number, length: number): Uint8Array | undefined {
    const out = new Uint8Array(length);
    let number = first;
    for (let done = 0; done < length; ) {
      const page = this.page(number);
      if (!page) return undefined;
      const part = page.bytes.subarray(4, Math.min(this.usable, 4 + length - done));
      out.set(part, done);
      done += part.length;
      number = viewOf(page.bytes).getUint32(0);
    }
    return out;
  }

  close(): void {
    for (const fd of this.fds) closeSync(fd);
  }
}

/** No row of ours is larger. */
const MOST = 4 * LIMITS.bodyBytes;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A variable-length integer of at most 53 bits; undefined when it is larger or leaves the bytes. */
function varint(bytes: Uint8Array, start: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let at = start; at < start + 8; at++) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    value = value * 128 + (byte & 127);
    if (byte < 128) return value <= Number.MAX_SAFE_INTEGER ? { value, end: at + 1 } : undefined;
  }
  return undefined;
}

/** The columns of a record; undefined when it is not one. */
export function decodeRecord(record: Uint8Array): Column[] | undefined {
  const header = varint(record, 0);
  if (!header || header.value > record.length) return undefined;
  const values: Column[] = [];
  let at = header.end;
  let from = header.value;
  while (at < header.value) {
    const type = varint(record, at);
    if (!type || type.end > header.value) return undefined;
    at = type.end;
    const size = sizeOf(type.value);
    if (size === undefined || from + size > record.length) return undefined;
    const value = columnOf(type.value, record.subarray(from, from + size));
    if (value === undefined) return undefined;
    values.push(value);
    from += size;
  }
  return from === record.length ? values : undefined;
}

const INTEGER_SIZES = [0, 1, 2, 3, 4, 6, 8];

function sizeOf(type: number): number | undefined {
  if (type < 7) return INTEGER_SIZES[type];
  if (type === 7) return 8;
  if (type === 8 || type === 9) return 0;
  return type < 12 ? undefined : (type - 12 - (type & 1)) / 2;
}

function columnOf(type: number, bytes: Uint8Array): Column | undefined {
  if (type === 0) return null;
  if (type === 7) return viewOf(bytes).getFloat64(0);
  if (type === 8 || type === 9) return type - 8;
  if (type === 6) return Number(viewOf(bytes).getBigInt64(0));
  if (type < 6) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readIntBE(0, bytes.length);
  return (type & 1) === 0 ? bytes.slice() : decodeUtf8(bytes);
}
