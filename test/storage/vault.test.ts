/** Sealed values, keyed tokens and sums: the codecs of encryption. */
import { expect, test } from "bun:test";
import { createHmac, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { Vault } from "../../src/storage/vault.ts";

const vault = new Vault("K", new Uint8Array(32).fill(7));
const value = fc.oneof(fc.string({ unit: "grapheme" }), fc.uint8Array({ maxLength: 2000 }));

test("a value is opened as it was sealed, at its own place alone, by its own key alone", () => {
  const other = new Vault("K", new Uint8Array(32).fill(8));
  fc.assert(
    fc.property(value, fc.integer(), (plain, seq) => {
      const place = vault.place("atom.payload", [seq]);
      const sealed = vault.seal(plain, place);
      expect(vault.open(sealed, place)).toEqual(plain);
      expect(vault.open(sealed, vault.place("atom.payload", [seq + 1]))).toBeUndefined();
      expect(vault.open(sealed, vault.place("atom.labels", [seq]))).toBeUndefined();
      expect(other.open(sealed, place)).toBeUndefined();
    }),
  );
});

test("every flipped bit and every cut is noticed", () => {
  fc.assert(
    fc.property(value, fc.nat(), (plain, at) => {
      const sealed = vault.seal(plain, "here");
      const bit = at % (sealed.length * 8);
      const flipped = sealed.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(vault.open(flipped, "here")).toBeUndefined();
      expect(vault.open(sealed.subarray(0, at % sealed.length), "here")).toBeUndefined();
    }),
  );
});

test("the same value is never sealed alike; a token always is, and only under its key", () => {
  const other = new Vault("L", new Uint8Array(32).fill(9));
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (text) => {
      expect(vault.seal(text, "p")).not.toEqual(vault.seal(text, "p"));
      const token = vault.token(text);
      expect(token).toMatch(/^[a-z2-7]{16}$/);
      expect(vault.token(text)).toBe(token);
      expect(other.token(text)).not.toBe(token);
    }),
  );
});

test("tokens are the first 80 bits of HMAC-SHA-256 in base 32", () => {
  // RFC 4648 lower case, of a key derived by HKDF-SHA-256 without a salt
  const key = Buffer.from(hkdfSync("sha256", Buffer.alloc(32, 7), "", "dwbase tokens", 32));
  const mac = createHmac("sha256", key).update("w1_owl").digest();
  const bits = [...mac].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const letters = bits.slice(0, 80).match(/.{5}/g)!;
  const expected = letters.map((five) => "abcdefghijklmnopqrstuvwxyz234567"[Number.parseInt(five, 2)]);
  expect(vault.token("w1_owl")).toBe(expected.join(""));
});
