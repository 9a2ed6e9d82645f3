import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LineSplitter, OVERLONG_LINE } from "../../src/atom/mod.ts";
import { encodeUtf8, LIMITS } from "../../src/base/mod.ts";

const LONG = "<too long>";
const decoder = new TextDecoder();

/** Lines of `text` cut into chunks of the given sizes (repeated). */
function split(bytes: Uint8Array, sizes: number[], maxBytes?: number): string[] {
  const splitter = new LineSplitter(maxBytes);
  const out: string[] = [];
  const take = (lines: Uint8Array[]) => {
    for (const line of lines) out.push(line === OVERLONG_LINE ? LONG : decoder.decode(line));
  };
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    take(splitter.push(bytes.slice(at, at + size)));
    at += size;
  }
  take(splitter.end());
  return out;
}

describe("NDJSON lines", () => {
  test("end with LF or CRLF, the last with nothing", () => {
    expect(split(encodeUtf8('{"a":1}\n{"b":2}\r\n{"c":3}'), [1000])).toEqual([
      '{"a":1}',
      '{"b":2}',
      '{"c":3}',
    ]);
  });

  test("blank ones are left out", () => {
    expect(split(encodeUtf8("\n\r\n  \na\n\t\r\n\nb\n\n"), [1000])).toEqual(["a", "b"]);
    expect(split(encodeUtf8(""), [1000])).toEqual([]);
  });

  test("a line over the limit is marked, and the next ones are read", () => {
    const text = `${"x".repeat(10)}\n${"y".repeat(11)}\n${"z".repeat(10)}\r\n${"w".repeat(500)}\nend`;
    for (const size of [1, 3, 7, 1000]) {
      expect(split(encodeUtf8(text), [size], 10)).toEqual(["xxxxxxxxxx", LONG, "zzzzzzzzzz", LONG, "end"]);
    }
  });

  test("an overlong line at the end is marked too", () => {
    for (const size of [1, 4, 1000])
      expect(split(encodeUtf8("a\nbbbbbbbbbbb"), [size], 5)).toEqual(["a", LONG]);
  });

  test("a line of exactly the product's limit passes, in small chunks too", () => {
    const line = "x".repeat(LIMITS.ndjsonLineBytes);
    expect(split(encodeUtf8(`${line}\r\nb\n`), [4096])).toEqual([line, "b"]);
    expect(split(encodeUtf8(`${line}x\nb\n`), [4096])).toEqual([LONG, "b"]);
  });

  test("lines kept from earlier chunks do not change when the chunk's buffer is used again", () => {
    const splitter = new LineSplitter();
    const chunk = encodeUtf8("first ha");
    expect(splitter.push(chunk)).toEqual([]);
    chunk.fill(0x7a);
    expect(splitter.push(encodeUtf8("lf\n")).map((line) => decoder.decode(line))).toEqual(["first half"]);
  });

  test("are the same however the stream is cut", () => {
    const text = fc.array(
      fc.constantFrom("a", "bc", "é", "🦉", " ", "\r", "\n", "\r\n", "\n\n", '{"x":"y"}'),
      {
        maxLength: 60,
      },
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(text, sizes, fc.integer({ min: 1, max: 12 }), (parts, cuts, maxBytes) => {
        const whole = parts.join("");
        const expected = whole
          .split("\n")
          .map((line) => line.replace(/\r$/, ""))
          .flatMap((line) => {
            if (encodeUtf8(line).length > maxBytes) return [LONG];
            return /^[ \t\r]*$/.test(line) ? [] : [line];
          });
        expect(split(encodeUtf8(whole), cuts, maxBytes)).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });
});
