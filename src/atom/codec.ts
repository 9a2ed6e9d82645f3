import type { Atom, NewAtom } from "./types.ts";

/** JSON of an atom, in the wire's field order whatever the order of its keys. */
export function atomJson(atom: Atom): string {
  return JSON.stringify({
    id: atom.id,
    world: atom.world,
    worker: atom.worker,
    kind: atom.kind,
    timestamp: atom.timestamp,
    importance: atom.importance,
    payload_json: atom.payload_json,
    vector: atom.vector,
    flags: atom.flags,
    labels: atom.labels,
    links: atom.links,
  });
}

/** The canonical text of a checked atom: equal for equal contents, however they were sent. */
export function canonical(atom: NewAtom): string {
  return JSON.stringify(atom);
}

/** 10^0 to 10^22, the powers of ten that a double holds exactly. */
const TENS = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
/** Any decimal of this many digits survives a float32; a float32 needs at most three more. */
const SAFE_DIGITS = 6;
const MOST_DIGITS = 9;

/**
 * The shortest decimal that rounds to the same 32-bit float as `value`, so that a 0.1 kept as float32 reads 0.1
 * again. Digits are made by exact scaling where a power of ten is exact, since texts are ten times slower.
 */
export function shortestFloat32(value: number): number {
  const float = Math.fround(value);
  if (Number.isInteger(float) && Math.abs(float) <= 2 ** 24) return float;
  const exponent = Math.floor(Math.log10(Math.abs(float)));
  for (let digits = SAFE_DIGITS; digits <= MOST_DIGITS; digits++) {
    const scale = TENS[digits - 1 - exponent];
    if (scale === undefined) break;
    const decimal = Math.round(float * scale) / scale;
    if (Math.fround(decimal) === float) return decimal;
  }
  return shortestByText(float);
}

/** For the very large and the very small; subnormals have fewer digits. */
function shortestByText(float: number): number {
  for (let digits = 1; digits <= MOST_DIGITS; digits++) {
    const decimal = Number(float.toPrecision(digits));
    if (Math.fround(decimal) === float) return decimal;
  }
  return float; // NaN and infinities
}

/** Little-endian 32-bit floats, 4 bytes a dimension. */
export function vectorToBytes(vector: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(vector.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < vector.length; i++) view.setFloat32(i * 4, vector[i]!, true);
  return bytes;
}

/** The numbers of `vectorToBytes`, as the shortest decimals that stand for the same floats. */
export function bytesToVector(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const vector = new Array<number>(bytes.length >> 2);
  for (let i = 0; i < vector.length; i++) vector[i] = shortestFloat32(view.getFloat32(i * 4, true));
  return vector;
}
