import { encodeUtf8 } from "../base/mod.ts";
import type { Vault } from "./vault.ts";

export type Column = string | number | Uint8Array | null;

const FORMAT = 1;
let buffer = Buffer.alloc(64 * 1024);

function room(size: number, used: number): void {
  if (used + size <= buffer.length) return;
  const larger = Buffer.alloc(Math.max(buffer.length * 2, used + size));
  buffer.copy(larger, 0, 0, used);
  buffer = larger;
}

/** Bytes kept from one large row to the next; beyond it the buffer is given back. */
const KEEP = 1024 * 1024;

/**
 * Checksum of a row: xxHash64 (8 bytes, big endian) over a format byte, the table's name and its columns, each with
 * its type and length before it, so that no two different rows share an encoding. With a vault a keyed one of 16
 * bytes, which tells nothing about columns that are not in the row as they were summed.
 */
export function rowSum(table: string, columns: readonly Column[], vault?: Vault): Uint8Array {
  let at = 0;
  buffer[at++] = FORMAT;
  const put = (column: Column): void => {
    if (column === null) {
      room(1, at);
      buffer[at++] = 0;
    } else if (typeof column === "number") {
      room(9, at);
      buffer[at++] = 1;
      // SQLite keeps no sign of zero
      at = buffer.writeDoubleLE(column + 0, at);
    } else if (typeof column === "string") {
      room(5 + column.length * 3, at);
      buffer[at] = 2;
      const size = buffer.write(column, at + 5);
      buffer.writeUInt32LE(size, at + 1);
      at += 5 + size;
    } else {
      room(5 + column.length, at);
      buffer[at++] = 3;
      at = buffer.writeUInt32LE(column.length, at);
      buffer.set(column, at);
      at += column.length;
    }
  };
  put(table);
  for (const column of columns) put(column);
  const encoded = new Uint8Array(buffer.buffer, buffer.byteOffset, at);
  const out = vault ? vault.sum(encoded) : xxHash64(encoded);
  if (buffer.length > KEEP) buffer = Buffer.alloc(64 * 1024);
  return out;
}

function xxHash64(bytes: Uint8Array): Uint8Array {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(Bun.hash.xxHash64(bytes));
  return out;
}

/** A stable 52-bit hash of text parts, safe as an SQLite integer and a JS number. */
export function hash52(...parts: (string | number)[]): number {
  return Number(Bun.hash.xxHash64(encodeUtf8(parts.join("\u0000"))) >> 12n);
}
