import fc from "fast-check";

/** One change of a byte string: where (a share of its length), what, and how. */
type Mutation = [kind: number, at: number, length: number, bytes: Uint8Array];

const KINDS = 7;

const mutation: fc.Arbitrary<Mutation> = fc.tuple(
  fc.nat(KINDS - 1),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.nat(64),
  fc.uint8Array({ minLength: 1, maxLength: 8 }),
);

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
}

/** Longest a case may grow by repeating. */
const MOST = 64 * 1024;

function change(bytes: Uint8Array, [kind, share, length, random]: Mutation): Uint8Array {
  const at = Math.min(bytes.length, Math.floor(share * bytes.length));
  const end = Math.min(bytes.length, at + length);
  switch (kind) {
    case 0:
      return splice(bytes, at, random.length, random);
    case 1:
      return splice(bytes, at, 0, random);
    case 2:
      return splice(bytes, at, length, new Uint8Array());
    case 3:
      return bytes.subarray(0, at);
    case 4: {
      const copy = Uint8Array.from(bytes);
      if (at < copy.length) copy[at]! ^= 1 << (length & 7);
      return copy;
    }
    case 5:
      return bytes.length > MOST ? bytes : splice(bytes, at, 0, bytes.subarray(at, end));
    default: {
      const part = bytes.subarray(at, end);
      const times = part.length === 0 ? 0 : Math.min(1000, Math.floor(MOST / part.length));
      return bytes.length > MOST ? bytes : splice(bytes, at, 0, Buffer.concat(Array(times).fill(part)));
    }
  }
}

/** One of the seeds with up to eight changes, whole now and then; or random bytes. */
export function mutated(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    {
      weight: 19,
      arbitrary: fc
        .tuple(fc.constantFrom(...seeds), fc.array(mutation, { maxLength: 8 }))
        .map(([seed, changes]) => changes.reduce(change, seed)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  );
}
