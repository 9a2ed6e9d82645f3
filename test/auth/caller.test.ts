import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { intersectWorlds } from "../../src/auth/caller.ts";
import {
  allowsWorld,
  CAPABILITIES,
  type Caller,
  type Capability,
  mayRead,
  mayWrite,
  requireCapability,
} from "../../src/auth/mod.ts";

function caller(change: Partial<Caller>): Caller {
  return {
    name: "probe",
    admin: false,
    anonymous: false,
    capabilities: new Set<Capability>(["read_worlds", "write_worlds"]),
    readWorlds: [],
    writeWorlds: [],
    importanceCap: 1,
    kinds: [],
    labels: [],
    sessions: [],
    rememberPerSec: 0,
    address: "127.0.0.1",
    bucket: "key:probe",
    ...change,
  };
}

test("an empty list allows all worlds; else exact names and prefixes", () => {
  expect(allowsWorld([], "kitchen")).toBe(true);
  expect(allowsWorld(["kitchen"], "kitchen")).toBe(true);
  expect(allowsWorld(["kitchen"], "kitchen/stove")).toBe(false);
  expect(allowsWorld(["sensor/*"], "sensor/1")).toBe(true);
  expect(allowsWorld(["sensor/*"], "sensor")).toBe(false);
  expect(allowsWorld(["sensor/*", "attic"], "attic")).toBe(true);
  expect(allowsWorld(["*"], "anything")).toBe(true);
});

test("worlds of the node itself are for admin keys only, whatever the lists say", () => {
  expect(mayRead(caller({ readWorlds: ["~*"] }), "~ww:home")).toBe(false);
  expect(mayWrite(caller({}), "~ww:home")).toBe(false);
  expect(mayRead(caller({ admin: true, readWorlds: ["kitchen"] }), "~ww:home")).toBe(true);
  expect(mayWrite(caller({ admin: true }), "~ww:home")).toBe(true);
});

test("reading and writing need both the capability and the world", () => {
  const reader = caller({ capabilities: new Set(["read_worlds"]), readWorlds: ["a"] });
  expect([mayRead(reader, "a"), mayRead(reader, "b"), mayWrite(reader, "a")]).toEqual([true, false, false]);
});

test("a missing capability is a fault that names the key and the capability", () => {
  for (const capability of CAPABILITIES) {
    const granted = caller({ capabilities: new Set([capability]) });
    expect(() => requireCapability(granted, capability)).not.toThrow();
    expect(() => requireCapability(caller({ capabilities: new Set() }), capability)).toThrow(
      expect.objectContaining({
        code: "capability_denied",
        message: `the key "probe" lacks the capability ${capability}; use a key that has it`,
      }),
    );
  }
});

describe("intersection of world lists", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "b", "/"), minLength: 1, maxLength: 4 });
  const pattern = fc.tuple(name, fc.boolean()).map(([n, prefix]) => (prefix ? `${n}*` : n));
  const list = fc.array(pattern, { maxLength: 4 });

  test("allows exactly what both lists allow", () => {
    fc.assert(
      fc.property(list, list, name, (a, b, world) => {
        expect(allowsWorld(intersectWorlds(a, b), world)).toBe(
          allowsWorld(a, world) && allowsWorld(b, world),
        );
      }),
    );
  });

  test("of disjoint lists allows nothing, rather than all", () => {
    expect(allowsWorld(intersectWorlds(["a"], ["b"]), "a")).toBe(false);
    expect(allowsWorld(intersectWorlds(["a"], ["b"]), "c")).toBe(false);
  });
});
