import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeMsgpack, encodeMsgpack } from "../../src/atom/mod.ts";
import { encodeUtf8, Fault } from "../../src/base/mod.ts";
import { faultOf, sentAtom } from "./arbitraries.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const nested = (depth: number) => bytes(...new Array(depth - 1).fill(0x91), 0x90);

describe("MessagePack bodies", () => {
  test("what is encoded is decoded, as JSON would", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        if (JSON.stringify(value).includes('"__proto__"')) return;
        const json: unknown = JSON.parse(JSON.stringify(value));
        expect(decodeMsgpack(encodeMsgpack(json))).toEqual(json);
      }),
    );
  });

  test("fields that are undefined are left out", () => {
    expect(decodeMsgpack(encodeMsgpack({ a: undefined, b: 1 }))).toEqual({ b: 1 });
  });

  test("the encoded bytes fill their buffer, so that it can be moved to another thread", () => {
    const encoded = encodeMsgpack({ text: "on" });
    expect(encoded.buffer.byteLength).toBe(encoded.length);
  });

  test("every width of number, text, list and map is read", () => {
    const good: [Uint8Array, unknown][] = [
      [bytes(0x7f), 127],
      [bytes(0xe0), -32],
      [bytes(0xcc, 200), 200],
      [bytes(0xcd, 1, 0), 256],
      [bytes(0xce, 0, 1, 0, 0), 65_536],
      [bytes(0xcf, 0, 0x1f, 255, 255, 255, 255, 255, 255), Number.MAX_SAFE_INTEGER],
      [bytes(0xd0, 0x80), -128],
      [bytes(0xd1, 255, 0), -256],
      [bytes(0xd2, 255, 255, 0, 0), -65_536],
      [bytes(0xd3, 0xff, 0xe0, 0, 0, 0, 0, 0, 1), Number.MIN_SAFE_INTEGER],
      [bytes(0xca, 0x3f, 0, 0, 0), 0.5],
      [bytes(0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0), 0.5],
      [bytes(0xc0), null],
      [bytes(0xc2), false],
      [bytes(0xc3), true],
      [bytes(0xa1, 0x61), "a"],
      [bytes(0xd9, 1, 0x61), "a"],
      [bytes(0xda, 0, 1, 0x61), "a"],
      [bytes(0xdb, 0, 0, 0, 1, 0x61), "a"],
      [bytes(0x91, 1), [1]],
      [bytes(0xdc, 0, 1, 1), [1]],
      [bytes(0xdd, 0, 0, 0, 1, 1), [1]],
      [bytes(0x81, 0xa1, 0x61, 1), { a: 1 }],
      [bytes(0xde, 0, 1, 0xa1, 0x61, 1), { a: 1 }],
      [bytes(0xdf, 0, 0, 0, 1, 0xd9, 1, 0x61, 1), { a: 1 }],
    ];
    for (const [message, value] of good) expect(decodeMsgpack(message)).toEqual(value);
    expect(decodeMsgpack(nested(64))).toBeArrayOfSize(1);
  });

  test("a byte order mark stays where it is, in short and in long texts", () => {
    for (const text of ["\ufeffa", `\ufeff${"a".repeat(300)}`]) {
      expect(decodeMsgpack(encodeMsgpack({ a: [text, null, 0.5, "é"] }))).toEqual({
        a: [text, null, 0.5, "é"],
      });
    }
  });

  test("a view into a larger buffer is read within its bounds", () => {
    const around = bytes(9, 9, 0x91, 0xa1, 0x61, 9);
    expect(decodeMsgpack(around.subarray(2, 5))).toEqual(["a"]);
    expect(faultOf(() => decodeMsgpack(around.subarray(2, 4))).message).toContain(
      "ends before its lengths say",
    );
  });

  const bad: [string, Uint8Array, string][] = [
    ["nothing", bytes(), "the body is empty"],
    [
      "a list of 50 million in five bytes",
      bytes(0xdd, 2, 0xfa, 0xf0, 0x80),
      "ends before its lengths say so",
    ],
    ["a map of 4 billion in five bytes", bytes(0xdf, 255, 255, 255, 255), "ends before its lengths say so"],
    ["a text of 4 billion bytes", bytes(0xdb, 255, 255, 255, 255, 0x61), "ends before its lengths say so"],
    ["a map of keys without values", bytes(0x82, 0xa1, 0x61, 1), "ends before its lengths say so"],
    ["a number cut short", bytes(0xcb, 0x3f, 0xe0), "ends before its lengths say so"],
    ["a length cut short", bytes(0xdd, 0), "ends before its lengths say so"],
    ["65 levels", nested(65), "nests deeper than 64 levels"],
    [
      "65 levels of maps",
      bytes(...new Array(65).fill([0x81, 0xa0]).flat(), 1),
      "nests deeper than 64 levels",
    ],
    ["bytes after the end", bytes(0xc0, 0xc0), "goes on for 1 bytes after its end"],
    ["binary", bytes(0xc4, 1, 0), "holds binary data; send text (str)"],
    ["long binary", bytes(0xc6, 0, 0, 0, 1, 0), "holds binary data; send text (str)"],
    ["an extension", bytes(0xd4, 1, 0), "holds an extension type"],
    ["a timestamp extension", bytes(0xd6, 0xff, 0, 0, 0, 0), "holds an extension type"],
    ["a long extension", bytes(0xc9, 0, 0, 0, 1, 1, 0), "holds an extension type"],
    ["the unused byte", bytes(0xc1), "holds the byte 0xc1"],
    ["a number as a key", bytes(0x81, 1, 1), "key is not text"],
    ["a list as a key", bytes(0x81, 0x90, 1), "key is not text"],
    ["nil as a key", bytes(0x81, 0xc0, 1), "key is not text"],
    ["a whole number of 2^53", bytes(0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0), "whole number beyond"],
    ["the least int64", bytes(0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0), "whole number beyond"],
    ["bad UTF-8 in a value", bytes(0xa2, 0xc3, 0x28), "not valid UTF-8"],
    ["bad UTF-8 in a key", bytes(0x81, 0xa1, 0xff, 1), "not valid UTF-8"],
    ["an encoded surrogate", bytes(0xa3, 0xed, 0xa0, 0x80), "not valid UTF-8"],
    ["a character cut by its text's end", bytes(0x92, 0xa1, 0xc3, 0xa1, 0xa9), "not valid UTF-8"],
    ["the key __proto__", bytes(0x81, 0xa9, ...encodeUtf8("__proto__"), 0x80), "the key __proto__"],
  ];
  for (const [what, message, sentence] of bad) {
    test(`${what} is refused`, () => {
      const fault = faultOf(() => decodeMsgpack(message));
      expect([fault.code, fault.message]).toEqual(["invalid_input", expect.stringContaining(sentence)]);
    });
  }

  test("a header is not believed: a thousand lists of 50 million cost nothing", () => {
    for (let i = 0; i < 1000; i++) {
      expect(() => decodeMsgpack(bytes(0xdd, 2, 0xfa, 0xf0, 0x80))).toThrow(Fault);
    }
  });

  const onlyFaults = (message: Uint8Array) => {
    try {
      decodeMsgpack(message);
    } catch (error) {
      expect(error).toBeInstanceOf(Fault);
    }
  };

  test("any bytes give a value or a fault", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), onlyFaults), { numRuns: 5000 });
  });

  test("every truncation of a message is refused", () => {
    fc.assert(
      fc.property(sentAtom, (atom) => {
        const message = encodeMsgpack(atom);
        for (let end = 0; end < message.length; end += 1 + (end >> 5)) {
          expect(faultOf(() => decodeMsgpack(message.subarray(0, end))).code).toBe("invalid_input");
        }
      }),
    );
  });

  test("changed bytes of a message give a value or a fault", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(sentAtom, changes, (atom, edits) => {
        const message = encodeMsgpack(atom);
        for (const [at, value] of edits) message[at % message.length] = value;
        onlyFaults(message);
      }),
      { numRuns: 2000 },
    );
  });
});
