import { describe, expect, test } from "bun:test";
import { checkBatchShape, checkNewAtom } from "../../src/atom/mod.ts";
import { LIMITS } from "../../src/base/mod.ts";
import { CONTEXT, faultOf, NOW } from "./arbitraries.ts";

const least = { world: "home", worker: "lamp", kind: "observation", payload_json: '{"text":"on"}' };
const withField = (fields: object) => checkNewAtom({ ...least, ...fields }, CONTEXT);
const many = (count: number, item: unknown = "x") => new Array(count).fill(item);

describe("a new atom", () => {
  test("needs world, worker, kind and payload only, and stays as it was sent", () => {
    expect(checkNewAtom(least, CONTEXT)).toEqual(least as never);
  });

  test("comes out in the canonical order of keys, without absent fields", () => {
    const sent = {
      links: null,
      labels: ["b", "a"],
      vector: [1, 0.5],
      payload_json: "x",
      importance: 0,
      timestamp: "",
      kind: "plan",
      worker: "w",
      world: "a",
      id: "0190A000-0000-7000-8000-00000000000A",
      flags: [],
    };
    expect(JSON.stringify(checkNewAtom(sent, CONTEXT))).toBe(
      '{"id":"0190a000-0000-7000-8000-00000000000a","world":"a","worker":"w","kind":"plan","importance":0,' +
        '"payload_json":"x","vector":[1,0.5],"flags":[],"labels":["b","a"]}',
    );
  });

  const good: [string, object, object?][] = [
    ["a world of 256 characters", { world: "w".repeat(256) }],
    ["a world of 256 emoji", { world: "🦉".repeat(256) }],
    ["a world in any script", { world: "кухня/台所 ~" }],
    ["a worker of 128 characters", { worker: "w".repeat(128) }],
    ["importance 0", { importance: 0 }],
    ["importance 1", { importance: 1 }],
    ["importance minus zero, which is zero", { importance: -0 }, { importance: 0 }],
    [
      "a time with an offset, kept in UTC",
      { timestamp: "2026-03-01T12:00:00+02:00" },
      { timestamp: "2026-03-01T10:00:00.000Z" },
    ],
    ["a time 24 hours in the future", { timestamp: new Date(NOW + LIMITS.futureMs).toISOString() }],
    ["a time before 1970", { timestamp: "0001-01-01T00:00:00.000Z" }],
    ["an empty payload", { payload_json: "" }],
    ["a payload that is no JSON", { payload_json: "{not json \u0000" }],
    ["a payload of exactly 256 KiB", { payload_json: "é".repeat(LIMITS.payloadBytes / 2) }],
    ["a vector of 4096 dimensions", { vector: many(4096, 0.5) }],
    ["vector numbers as 32-bit floats", { vector: [0.1, -0] }, { vector: [Math.fround(0.1), 0] }],
    ["64 labels of 256 characters", { labels: many(64, "🦉".repeat(256)) }],
    ["empty lists, which are not the same as absent ones", { flags: [], labels: [], links: [] }],
    ["a bare link as a reference", { links: ["a"] }, { links: [{ target: "a", kind: "references" }] }],
    [
      "links to ids in lower case",
      { links: [{ kind: "confirms", target: "0190A000-0000-7000-8000-00000000000A" }] },
      { links: [{ target: "0190a000-0000-7000-8000-00000000000a", kind: "confirms" }] },
    ],
  ];
  for (const [what, fields, result] of good) {
    test(`accepts ${what}`, () => {
      expect(withField(fields)).toEqual({ ...least, ...(result ?? fields) } as never);
    });
  }

  for (const field of ["id", "timestamp", "importance", "vector", "flags", "labels", "links"]) {
    test(`takes null as absent: ${field}`, () => {
      expect(withField({ [field]: null })).toEqual(least as never);
    });
  }

  const bad: [object, string][] = [
    [{ world: undefined }, "world is missing"],
    [{ world: null }, "world is missing"],
    [{ world: 3 }, "world must be a string, got 3"],
    [{ world: "" }, "world must not be empty"],
    [{ world: "w".repeat(257) }, "world must have at most 256 characters"],
    [{ world: "🦉".repeat(257) }, "world must have at most 256 characters"],
    [{ world: "~ww:a" }, 'world must not start with "~"'],
    [{ world: "a\nb" }, "world must not hold control characters"],
    [{ world: "a\u0000" }, "world must not hold control characters"],
    [{ world: "a\u007f" }, "world must not hold control characters"],
    [{ world: "a\u0085" }, "world must not hold control characters"],
    [{ world: "a\ud800" }, "world holds half of a surrogate pair"],
    [{ worker: null }, "worker is missing"],
    [{ worker: "" }, "worker must not be empty"],
    [{ worker: "w".repeat(129) }, "worker must have at most 128 characters"],
    [{ worker: "\t" }, "worker must not hold control characters"],
    [{ kind: null }, "kind must be one of observation, reflection, plan, action, message, got nothing"],
    [{ kind: "dream" }, 'got "dream"'],
    [{ kind: ["plan"] }, "got a list"],
    [{ importance: 2 }, "importance must be a number from 0 to 1, got 2"],
    [{ importance: -0.1 }, "importance must be a number from 0 to 1, got -0.1"],
    [{ importance: "0.5" }, 'importance must be a number from 0 to 1, got "0.5"'],
    [{ importance: Number.NaN }, "importance must be a number from 0 to 1, got NaN"],
    [{ importance: Number.POSITIVE_INFINITY }, "got Infinity"],
    [{ timestamp: 1_700_000_000 }, "timestamp must be an RFC 3339 time"],
    [{ timestamp: "yesterday" }, "timestamp must be an RFC 3339 time"],
    [{ timestamp: "2026-03-01" }, "timestamp must be an RFC 3339 time"],
    [{ timestamp: "2026-02-30T00:00:00Z" }, "timestamp must be an RFC 3339 time"],
    [{ timestamp: "2026-03-01T12:00:00" }, "timestamp must be an RFC 3339 time"],
    [{ timestamp: "0000-01-01T00:00:00+01:00" }, "timestamp must be an RFC 3339 time"],
    [{ timestamp: new Date(NOW + LIMITS.futureMs + 1).toISOString() }, "is more than 24 hours in the future"],
    [{ payload_json: undefined }, "payload_json is missing"],
    [{ payload_json: { text: "on" } }, "payload_json must be a string, got an object; send JSON as text"],
    [{ payload_json: "\udfff" }, "payload_json holds half of a surrogate pair"],
    [{ id: "atom-1" }, 'id must be a UUID, got "atom-1"'],
    [{ id: "" }, "id must be a UUID"],
    [{ id: 7 }, "id must be a UUID, got 7"],
    [{ vector: [] }, "vector must not be empty"],
    [{ vector: many(4097, 0) }, "vector holds 4097 items; at most 4096 are allowed"],
    [{ vector: [0, Number.NaN] }, "vector[1] must be a finite 32-bit float, got NaN"],
    [{ vector: [1e39] }, "vector[0] must be a finite 32-bit float, got 1e+39"],
    [{ vector: [0, "1"] }, "vector[1] must be a finite 32-bit float"],
    [{ vector: [null] }, "vector[0] must be a finite 32-bit float, got nothing"],
    [{ vector: "AAAA" }, "vector must be a list, got a string"],
    [{ flags: many(65) }, "flags holds 65 items; at most 64 are allowed"],
    [{ labels: many(65) }, "labels holds 65 items; at most 64 are allowed"],
    [{ labels: "pin" }, "labels must be a list, got a string"],
    [{ labels: ["a", ""] }, "labels[1] must not be empty"],
    [{ labels: ["a", null] }, "labels[1] is missing"],
    [{ labels: ["x".repeat(257)] }, "labels[0] must have at most 256 characters"],
    [{ flags: ["\ud800"] }, "flags[0] holds half of a surrogate pair"],
    [{ links: many(65) }, "links holds 65 items"],
    [{ links: [""] }, "links[0] must not be empty"],
    [{ links: [3] }, "links[0] must be an object, got 3"],
    [{ links: [{ kind: "confirms" }] }, "links[0].target is missing"],
    [{ links: [{ target: "a" }] }, "links[0].kind must be one of"],
    [
      { links: [{ target: "a", kind: "likes" }] },
      'links[0].kind must be one of supersedes, references, confirms, contradicts, got "likes"',
    ],
    [{ links: [{ target: "a", kind: "confirms", why: 1 }] }, 'unknown field "links[0].why"'],
    [{ colour: "red" }, 'unknown field "colour"; the fields of an atom are id, world, worker, kind'],
    [{ colour: null }, 'unknown field "colour"'],
    [JSON.parse('{"__proto__": {"world": "x"}}'), 'unknown field "__proto__"'],
  ];
  for (const [fields, sentence] of bad) {
    test(`refuses: ${sentence}`, () => {
      // Entries, so that an own __proto__ stays a field.
      const sent = Object.fromEntries([...Object.entries(least), ...Object.entries(fields)]);
      const fault = faultOf(() => checkNewAtom(sent, CONTEXT));
      expect(fault.code).toBe("invalid_input");
      expect(fault.message).toContain(sentence);
    });
  }

  for (const value of [null, undefined, [], "text", 5, true]) {
    test(`refuses what is no object: ${JSON.stringify(value)}`, () => {
      expect(faultOf(() => checkNewAtom(value, CONTEXT)).message).toStartWith(
        "an atom must be an object, got",
      );
    });
  }

  test("a payload over 256 KiB of UTF-8 is payload_too_large", () => {
    const fault = faultOf(() => withField({ payload_json: `x${"é".repeat(LIMITS.payloadBytes / 2)}` }));
    expect(fault.code).toBe("payload_too_large");
    expect(fault.message).toContain("payload_json has 262145 bytes; at most 262144");
  });

  test("no time is too far in the future while the node's own clock is not believed", () => {
    const far = { ...least, timestamp: "2099-01-01T00:00:00.000Z" };
    expect(checkNewAtom(far, { now: NOW, clockSane: false }).timestamp).toBe(far.timestamp);
  });

  test("an error never repeats a long or secret text", () => {
    const secret = "s".repeat(5000);
    for (const field of ["kind", "importance", "timestamp", "id", secret]) {
      expect(faultOf(() => withField({ [field]: secret })).message.length).toBeLessThan(300);
    }
    expect(faultOf(() => withField({ vector: "my secret" })).message).not.toContain("secret");
  });

  test("what was sent is not changed", () => {
    const sent = Object.freeze({
      ...least,
      id: null,
      vector: Object.freeze([0.1]),
      links: Object.freeze(["A"]),
    });
    expect(() => checkNewAtom(sent, CONTEXT)).not.toThrow();
  });
});

describe("a batch", () => {
  test("is an object of up to 1000 atoms, not looked at yet", () => {
    expect(checkBatchShape({ atoms: [] })).toEqual([]);
    expect(checkBatchShape({ atoms: [1, null] })).toEqual([1, null]);
    expect(checkBatchShape({ atoms: many(1000) })).toHaveLength(1000);
  });

  const bad: [unknown, string][] = [
    [[], "a batch must be an object, got a list"],
    [{}, "atoms is missing"],
    [{ atoms: null }, "atoms is missing"],
    [{ atoms: {} }, "atoms must be a list, got an object"],
    [{ atoms: many(1001) }, "atoms holds 1001 items; at most 1000 are allowed"],
    [{ atoms: [], dry_run: true }, 'unknown field "dry_run"'],
  ];
  for (const [value, sentence] of bad) {
    test(`refuses: ${sentence}`, () => {
      const fault = faultOf(() => checkBatchShape(value));
      expect([fault.code, fault.message]).toEqual(["invalid_input", expect.stringContaining(sentence)]);
    });
  }
});
