/** No change of any byte of a snapshot goes unnoticed, so nothing damaged reaches the native library. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { Fault } from "../../src/base/mod.ts";
import { DuplicateFinder, Duplicates } from "../../src/vector/duplicates.ts";
import {
  encodeEnd,
  hashFile,
  readDuplicates,
  readSeal,
  SEAL_BYTES,
  verifySnapshot,
} from "../../src/vector/snapshot.ts";
import { scratch } from "./memory-source.ts";

const place = scratch();
const whole = join(place.dir, "whole");
const path = join(place.dir, "damaged");
const pairs = new Duplicates(Float64Array.of(1, 4, 1, 5, 2, 9));
const seal = { identity: new Uint8Array(32).fill(7), world: 12, epoch: 3, lastSeq: 2 ** 40, count: 1000 };
let bytes: Buffer;

beforeAll(() => {
  const graph = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 31) & 0xff));
  writeFileSync(whole, graph);
  const hash = new Bun.CryptoHasher("sha256");
  const graphBytes = hashFile(whole, hash);
  writeFileSync(whole, Buffer.concat([graph, encodeEnd(seal, graphBytes, pairs, hash)]));
  bytes = readFileSync(whole);
});
afterAll(place.remove);

function refused(damaged: Uint8Array): void {
  writeFileSync(path, damaged);
  let fault: unknown;
  try {
    verifySnapshot(path);
  } catch (cause) {
    fault = cause;
  }
  expect(fault).toBeInstanceOf(Fault);
  expect((fault as Fault).code).toBe("damaged");
}

test("gives back what was sealed", () => {
  const wanted = { ...seal, duplicates: 3 };
  expect(verifySnapshot(whole)).toEqual({ ...wanted, identity: expect.anything() });
  expect([...verifySnapshot(whole).identity]).toEqual([...seal.identity]);
  expect(readSeal(whole)).toMatchObject({ world: 12, epoch: 3, duplicates: 3 });
  expect([...readDuplicates(whole).pairs]).toEqual([...pairs.pairs]);
  copyFileSync(whole, path);
  expect(verifySnapshot(path).lastSeq).toBe(2 ** 40);
});

test("every bit of the seal", () => {
  for (let at = bytes.length - SEAL_BYTES; at < bytes.length; at += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const damaged = Buffer.from(bytes);
      damaged[at] = damaged[at]! ^ (1 << bit);
      refused(damaged);
    }
  }
});

test("any byte of the graph, any cut, anything added", () => {
  const at = fc.nat(bytes.length - 1);
  fc.assert(
    fc.property(at, fc.integer({ min: 1, max: 255 }), (i, mask) => {
      const damaged = Buffer.from(bytes);
      damaged[i] = damaged[i]! ^ mask;
      refused(damaged);
    }),
  );
  fc.assert(fc.property(at, (length) => refused(bytes.subarray(0, length))));
  fc.assert(fc.property(fc.uint8Array({ minLength: 1 }), (more) => refused(Buffer.concat([bytes, more]))));
});

test("arbitrary bytes are refused", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), refused));
});

test("equal vectors: each is listed once, newest first in pieces, the one in the graph last", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(4), { maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (kinds, size) => {
      const finder = new DuplicateFinder();
      const kept = kinds.map((kind, i) => finder.isNew(i + 1, Int8Array.of(kind, 1, 2)));
      const duplicates = finder.duplicates();
      for (const kind of new Set(kinds)) {
        const seqs = kinds.flatMap((k, i) => (k === kind ? [i + 1] : []));
        expect(seqs.filter((seq) => kept[seq - 1])).toEqual([seqs[0]!]);
        const pieces = [...duplicates.groupOf(seqs[0]!, size)];
        expect(pieces.flat()).toEqual([...seqs].reverse());
        expect(pieces.every((piece) => piece.length <= size)).toBe(true);
      }
    }),
  );
});
