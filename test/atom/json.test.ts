import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeJson } from "../../src/atom/mod.ts";
import { encodeUtf8, Fault } from "../../src/base/mod.ts";
import { faultOf } from "./arbitraries.ts";

const decode = (text: string) => decodeJson(encodeUtf8(text));
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

describe("JSON bodies", () => {
  test("any JSON value is read", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(decode(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test("64 levels of nesting are accepted, brackets in text do not count", () => {
    expect(() => decode(nested(64))).not.toThrow();
    expect(decode(JSON.stringify([nested(200), `\\"${nested(200)}`]))).toBeArrayOfSize(2);
    expect(decode(`[${new Array(200).fill("[]").join(",")}]`)).toBeArrayOfSize(200);
  });

  test("pairs of surrogate escapes are text", () => {
    expect(decode('"\\ud83e\\udd89"')).toBe("🦉");
    expect(decode('"\\\\ud800"')).toBe("\\ud800");
  });

  test("__proto__ is a key like any other", () => {
    const value = decode('{"__proto__": {"polluted": true}}');
    expect(Object.keys(value as object)).toEqual(["__proto__"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  const bad: [string, Uint8Array, string][] = [
    ["nothing", new Uint8Array(0), "the body is empty"],
    ["a byte order mark", encodeUtf8("\ufeff{}"), "byte order mark"],
    ["Latin-1", Uint8Array.of(0x22, 0xe9, 0x22), "not valid UTF-8"],
    ["an overlong encoding", Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), "not valid UTF-8"],
    ["an encoded surrogate", Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), "not valid UTF-8"],
    ["a lone surrogate in a value", encodeUtf8('{"a":["\\ud800"]}'), "half of a surrogate pair"],
    ["a lone surrogate in a key", encodeUtf8('{"\\uDFFF":1}'), "half of a surrogate pair"],
    ["65 lists", encodeUtf8(nested(65)), "nests deeper than 64 levels"],
    ["65 objects", encodeUtf8(`${'{"a":'.repeat(65)}1${"}".repeat(65)}`), "nests deeper than 64 levels"],
    ["a million open brackets", encodeUtf8("[".repeat(1_000_000)), "nests deeper than 64 levels"],
    ["an open object", encodeUtf8('{"a":1'), "ends in the middle of a JSON value"],
    ["an open string", encodeUtf8('{"a":"b'), "ends in the middle of a JSON value"],
    ["an escape at the end", encodeUtf8('"\\'), "ends in the middle of a JSON value"],
    ["single quotes", encodeUtf8("{'a':1}"), "not valid JSON"],
    ["a comma too many", encodeUtf8("[1,]"), "not valid JSON"],
    ["two values", encodeUtf8("1 2"), "not valid JSON"],
    ["NaN", encodeUtf8("NaN"), "not valid JSON"],
    ["a raw newline in text", encodeUtf8('"a\nb"'), "not valid JSON"],
    ["blanks", encodeUtf8("  "), "not valid JSON"],
  ];
  for (const [what, bytes, sentence] of bad) {
    test(`${what} is refused`, () => {
      const fault = faultOf(() => decodeJson(bytes));
      expect([fault.code, fault.message]).toEqual(["invalid_input", expect.stringContaining(sentence)]);
    });
  }

  test("errors name what was read and do not repeat it", () => {
    const fault = faultOf(() => decodeJson(encodeUtf8("my secret"), "the line"));
    expect(fault.message).toStartWith("the line is not valid JSON");
    expect(fault.message).not.toContain("secret");
  });

  test("any bytes give a value or a fault", () => {
    const jsonish = fc.array(fc.constantFrom(...'{}[]":,\\u0dDfF8truenl 1-.e'), { maxLength: 40 });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 40 }),
          jsonish.map((parts) => encodeUtf8(parts.join(""))),
        ),
        (bytes) => {
          try {
            decodeJson(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(Fault);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
