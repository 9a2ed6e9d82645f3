import { isUtf8 } from "node:buffer";
import { decode, encode } from "@msgpack/msgpack";
import { decodeUtf8, type Fault, invalid, LIMITS } from "../base/mod.ts";

/**
 * The value of a MessagePack message, which may be whatever JSON can say (and NaN and infinities, left to the
 * checks of fields). The library allocates what a header promises before looking at the bytes, and takes bad
 * UTF-8, so the whole message is walked first.
 * @throws Fault invalid_input
 */
export function decodeMsgpack(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw invalid("the body is empty; send MessagePack");
  const scan = new Scan(bytes);
  scan.run();
  try {
    return scan.marked ? rawTexts(decode(bytes, { rawStrings: true })) : decode(bytes);
  } catch {
    // The one thing that a scanned message may hold and the library refuses.
    throw refused("has a map with the key __proto__; leave it out");
  }
}

/** MessagePack of a JSON-like value; fields that are undefined are left out. */
export function encodeMsgpack(value: unknown): Uint8Array<ArrayBuffer> {
  // A copy of the exact size: the encoder's buffer is larger, and answers are transferred whole.
  return encode(value, { ignoreUndefined: true }).slice();
}

function refused(why: string): Fault {
  return invalid(`the MessagePack body ${why}`);
}

/** Turns the byte strings of `rawStrings` into text; the scan has refused all other bytes. */
function rawTexts(value: unknown): unknown {
  if (value instanceof Uint8Array) return decodeUtf8(value);
  if (Array.isArray(value)) return value.map(rawTexts);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, rawTexts(each)]));
}

/** A list or map whose end has not come; a map counts keys and values. */
interface Open {
  left: number;
  map: boolean;
}

/** What a message's head bytes mean: https://github.com/msgpack/msgpack/blob/master/spec.md */
const HEAD = {
  map: 0x80,
  list: 0x90,
  text: 0xa0,
  nil: 0xc0,
  never: 0xc1,
  false: 0xc2,
  true: 0xc3,
  bytes8: 0xc4,
  bytes32: 0xc6,
  float32: 0xca,
  float64: 0xcb,
  uint8: 0xcc,
  uint64: 0xcf,
  int8: 0xd0,
  int64: 0xd3,
  text8: 0xd9,
  text32: 0xdb,
  list16: 0xdc,
  list32: 0xdd,
  map16: 0xde,
  map32: 0xdf,
  negative: 0xe0,
} as const;

/** The library decodes texts over 200 bytes in a way that drops a byte order mark at their start. */
const MARK_DROPPED_OVER = 200;

/**
 * Walks a message without believing its headers: every length against the bytes that remain, nesting, UTF-8, keys
 * that are text, whole numbers within the safe range, no binary or extension types, nothing after the end.
 */
class Scan {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  /** Whether the library would drop a byte order mark of some text. */
  marked = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): void {
    const open: Open[] = [];
    do {
      const parent = open.at(-1);
      const isKey = parent?.map === true && parent.left % 2 === 0;
      if (parent) parent.left--;
      const child = this.#value(isKey);
      if (child) open.push(child);
      if (open.length > LIMITS.depth) throw refused(`nests deeper than ${LIMITS.depth} levels; flatten it`);
      while (open.at(-1)?.left === 0) open.pop();
    } while (open.length > 0);
    const rest = this.#bytes.length - this.#at;
    if (rest > 0) throw refused(`goes on for ${rest} bytes after its end; send one value`);
  }

  /** Passes one value, or the head of a list or map, which is returned. */
  #value(isKey: boolean): Open | undefined {
    const head = this.#bytes[this.#take(1)]!;
    if (head >= HEAD.text && head < HEAD.nil) return this.#text(head - HEAD.text);
    if (head >= HEAD.text8 && head <= HEAD.text32)
      return this.#text(this.#unsigned(1 << (head - HEAD.text8)));
    if (isKey) throw refused("has a map whose key is not text; use text keys");
    if (head < HEAD.map || head >= HEAD.negative) return undefined;
    if (head < HEAD.list) return this.#open(head - HEAD.map, true);
    if (head < HEAD.text) return this.#open(head - HEAD.list, false);
    if (head >= HEAD.map16) return this.#open(this.#unsigned(head === HEAD.map16 ? 2 : 4), true);
    if (head >= HEAD.list16) return this.#open(this.#unsigned(head === HEAD.list16 ? 2 : 4), false);
    return this.#scalar(head);
  }

  #scalar(head: number): undefined {
    if (head === HEAD.nil || head === HEAD.false || head === HEAD.true) return;
    if (head === HEAD.float32 || head === HEAD.float64) {
      this.#take(head === HEAD.float32 ? 4 : 8);
    } else if (head === HEAD.uint64 || head === HEAD.int64) {
      this.#long(head === HEAD.int64);
    } else if (head >= HEAD.uint8 && head < HEAD.uint64) {
      this.#take(1 << (head - HEAD.uint8));
    } else if (head >= HEAD.int8 && head < HEAD.int64) {
      this.#take(1 << (head - HEAD.int8));
    } else if (head === HEAD.never) {
      throw refused("holds the byte 0xc1, which means nothing; check the encoder");
    } else if (head >= HEAD.bytes8 && head <= HEAD.bytes32) {
      throw refused("holds binary data; send text (str), lists and numbers only");
    } else {
      throw refused("holds an extension type; send times as RFC 3339 text");
    }
  }

  #long(signed: boolean): void {
    const at = this.#take(8);
    const value = signed ? this.#view.getBigInt64(at) : this.#view.getBigUint64(at);
    if (!Number.isSafeInteger(Number(value))) {
      throw refused("holds a whole number beyond ±(2^53 - 1); send it as text");
    }
  }

  #text(length: number): undefined {
    const from = this.#take(length);
    const bytes = this.#bytes;
    let at = from;
    while (at < this.#at && bytes[at]! < 0x80) at++;
    if (at === this.#at) return;
    if (!isUtf8(bytes.subarray(at, this.#at)))
      throw refused("holds text that is not valid UTF-8; encode it as UTF-8");
    if (
      length > MARK_DROPPED_OVER &&
      bytes[from] === 0xef &&
      bytes[from + 1] === 0xbb &&
      bytes[from + 2] === 0xbf
    ) {
      this.marked = true;
    }
  }

  #open(count: number, map: boolean): Open {
    const left = map ? 2 * count : count;
    // Every item takes at least one byte.
    if (left > this.#bytes.length - this.#at) throw cutShort();
    return { left, map };
  }

  /** A big-endian length of 1, 2 or 4 bytes. */
  #unsigned(size: number): number {
    const at = this.#take(size);
    if (size === 1) return this.#view.getUint8(at);
    return size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  /** Moves past `size` bytes; answers where they begin. */
  #take(size: number): number {
    const at = this.#at;
    if (size > this.#bytes.length - at) throw cutShort();
    this.#at = at + size;
    return at;
  }
}

function cutShort(): Fault {
  return refused("ends before its lengths say so; send it whole");
}
