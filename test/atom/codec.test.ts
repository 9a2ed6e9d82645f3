import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Atom,
  atomJson,
  bytesToVector,
  canonical,
  checkNewAtom,
  decodeJson,
  decodeMsgpack,
  encodeMsgpack,
  shortestFloat32,
  vectorToBytes,
} from "../../src/atom/mod.ts";
import { encodeUtf8 } from "../../src/base/mod.ts";
import { CONTEXT, sentAtom } from "./arbitraries.ts";

const float32 = fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const viaJson = (value: unknown) => checkNewAtom(decodeJson(encodeUtf8(JSON.stringify(value))), CONTEXT);
const viaMsgpack = (value: unknown) => checkNewAtom(decodeMsgpack(encodeMsgpack(value)), CONTEXT);

describe("the canonical form", () => {
  test("is the same from JSON and from MessagePack", () => {
    fc.assert(
      fc.property(sentAtom, (atom) => {
        expect(viaMsgpack(atom)).toEqual(viaJson(atom));
        expect(canonical(viaMsgpack(atom))).toBe(canonical(viaJson(atom)));
      }),
      { numRuns: 500 },
    );
  });

  test("does not depend on key order, nor on nulls for absent fields", () => {
    fc.assert(
      fc.property(sentAtom, (atom) => {
        const entries = Object.entries(atom);
        const bare = Object.fromEntries(entries.filter(([, value]) => value !== null).reverse());
        const nulls = { links: null, vector: null, id: null, flags: null, importance: null, ...bare };
        expect(canonical(checkNewAtom(bare, CONTEXT))).toBe(canonical(checkNewAtom(atom, CONTEXT)));
        expect(canonical(checkNewAtom(nulls, CONTEXT))).toBe(canonical(checkNewAtom(atom, CONTEXT)));
      }),
    );
  });

  test("does not depend on the width in which a vector's floats were sent", () => {
    const atom = { world: "a", worker: "b", kind: "plan", payload_json: "" };
    const wide = canonical(viaJson({ ...atom, vector: [0.1, 1e-7] }));
    expect(canonical(viaMsgpack({ ...atom, vector: [Math.fround(0.1), Math.fround(1e-7)] }))).toBe(wide);
  });

  test("of a canonical form is itself", () => {
    fc.assert(
      fc.property(sentAtom, (atom) => {
        const once = checkNewAtom(atom, CONTEXT);
        expect(canonical(checkNewAtom(once, CONTEXT))).toBe(canonical(once));
      }),
    );
  });
});

describe("an answered atom", () => {
  test("has the wire's order of fields whatever the order of its keys", () => {
    const atom: Atom = {
      links: [{ target: "b", kind: "confirms" }],
      labels: ["l"],
      flags: [],
      vector: [0.1],
      payload_json: '{"a":1}',
      importance: 0.5,
      timestamp: "2026-03-01T12:00:00.000Z",
      kind: "plan",
      worker: "w",
      world: "h",
      id: "i",
    };
    expect(atomJson(atom)).toBe(
      '{"id":"i","world":"h","worker":"w","kind":"plan","timestamp":"2026-03-01T12:00:00.000Z","importance":0.5,' +
        '"payload_json":"{\\"a\\":1}","vector":[0.1],"flags":[],"labels":["l"],' +
        '"links":[{"target":"b","kind":"confirms"}]}',
    );
  });
});

describe("32-bit floats", () => {
  test("read as the decimals that people write", () => {
    for (const value of [0, 0.1, -0.3, 0.7, 123.456, 1e-5, 9.99e-8, 16_777_216, 1e10, 3.4e38, 1e-40, 1e-45]) {
      expect(shortestFloat32(Math.fround(value))).toBe(value);
    }
    expect(shortestFloat32(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect(shortestFloat32(Number.NaN)).toBeNaN();
  });

  test("keep their value, and no decimal of fewer digits would", () => {
    const digitsOf = (value: number) => value.toExponential().replace(/e.*|[-.]/g, "").length;
    fc.assert(
      fc.property(float32, (float) => {
        const shortest = shortestFloat32(float);
        expect(Math.fround(shortest)).toBe(float);
        const digits = digitsOf(shortest);
        if (digits > 1) expect(Math.fround(Number(float.toPrecision(digits - 1)))).not.toBe(float);
      }),
      { numRuns: 5000 },
    );
  });

  test("any decimal of six digits survives", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -999_999, max: 999_999 }),
        fc.integer({ min: -30, max: 30 }),
        (digits, tens) => {
          const decimal = Number(`${digits}e${tens}`) + 0;
          expect(shortestFloat32(Math.fround(decimal))).toBe(decimal);
        },
      ),
      { numRuns: 5000 },
    );
  });

  test("go to little-endian bytes and back", () => {
    expect([...vectorToBytes([1, -2])]).toEqual([0, 0, 128, 63, 0, 0, 0, 192]);
    fc.assert(
      fc.property(fc.array(float32), (vector) => {
        const bytes = vectorToBytes(vector);
        expect(bytes.length).toBe(vector.length * 4);
        const shifted = new Uint8Array(bytes.length + 1);
        shifted.set(bytes, 1);
        expect(bytesToVector(shifted.subarray(1)).map(Math.fround)).toEqual(vector);
      }),
    );
  });
});
