import { describe, expect, test } from "bun:test";
import { FormatRegistry, type Static, type TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import fc from "fast-check";
import * as atom from "../../src/atom/mod.ts";
import { Fault, isId, parseTime } from "../../src/base/mod.ts";
import { CONTEXT, sentAtom } from "./arbitraries.ts";

FormatRegistry.Set("uuid", isId);
FormatRegistry.Set("date-time", (text) => parseTime(text) !== undefined);

/** Fails to compile where a schema and its type name different fields. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
const sameFields: true[] = [
  true satisfies Same<Static<typeof atom.AtomSchema>, atom.Atom>,
  true satisfies Same<keyof Static<typeof atom.NewAtomSchema>, keyof atom.NewAtom>,
  true satisfies Same<keyof Static<typeof atom.AtomFilterSchema>, keyof atom.AtomFilter>,
  true satisfies Same<keyof Static<typeof atom.AskRequestSchema>, keyof atom.AskRequest>,
  true satisfies Same<keyof Static<typeof atom.ReplayRequestSchema>, keyof atom.ReplayRequest>,
  true satisfies Same<keyof Static<typeof atom.WorldRequestSchema>, keyof atom.WorldRequest>,
  true satisfies Same<keyof Static<typeof atom.PolicyRequestSchema>, keyof atom.PolicyRequest>,
];

/** Values near the edges of the rules that a schema can say. */
const near = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    "",
    "a",
    "~a",
    "a\u0007",
    "plan",
    "observation",
    true,
    {},
    [],
    ["a"],
    [""],
    [1, 2],
  ),
  fc.constantFrom<unknown>(-1, 0, 0.5, 1, 2, 1.5, 100, 101, 1000, 1001, 36_500, 36_501, Number.NaN),
  fc.constantFrom<unknown>("w".repeat(128), "w".repeat(129), "w".repeat(256), "w".repeat(257)),
  fc.constantFrom<unknown>(
    "0190a000-0000-7000-8000-00000000000a",
    "2026-03-01T12:00:00Z",
    "create",
    "confirms",
  ),
  fc.constantFrom<unknown>(
    [{ target: "a", kind: "confirms" }],
    [{ target: "a" }],
    { limit: 5 },
    { limit: 0 },
  ),
  fc.constantFrom<unknown>(["plan"], ["plan", "x"], new Array(64).fill("a"), new Array(65).fill("a")),
);

describe("schemas and checks agree", () => {
  const pairs: [string, TSchema & { properties: object }, (value: unknown) => unknown, object][] = [
    [
      "NewAtom",
      atom.NewAtomSchema,
      (value) => atom.checkNewAtom(value, CONTEXT),
      { world: "a", worker: "b", kind: "plan", payload_json: "x" },
    ],
    ["AskRequest", atom.AskRequestSchema, atom.checkAsk, { world: "a", text: "x" }],
    ["ReplayRequest", atom.ReplayRequestSchema, atom.checkReplay, { world: "a" }],
    ["WorldRequest", atom.WorldRequestSchema, atom.checkWorld, { world: "a", action: "create" }],
    ["PolicyRequest", atom.PolicyRequestSchema, atom.checkPolicy, { world: "a", max_bytes: 1 }],
  ];
  for (const [title, schema, check, base] of pairs) {
    test(`on ${title}, field by field`, () => {
      const fields = [...Object.keys(schema.properties), "other"];
      fc.assert(
        fc.property(fc.constantFrom(...fields), near, (field, value) => {
          // What a schema cannot say: an empty time is none, a policy must set something.
          fc.pre(!(field === "timestamp" && typeof value === "string" && value !== "2026-03-01T12:00:00Z"));
          fc.pre(!(field === "max_bytes" && value === null));
          const sent = { ...base, [field]: value };
          let passed = true;
          try {
            check(sent);
          } catch (error) {
            expect(error).toBeInstanceOf(Fault);
            passed = false;
          }
          expect(passed).toBe(Value.Check(schema, sent));
        }),
        { numRuns: 3000 },
      );
    });
  }

  test("any valid atom meets the schema, and so does its normal form", () => {
    fc.assert(
      fc.property(sentAtom, (sent) => {
        expect(Value.Check(atom.NewAtomSchema, sent)).toBe(true);
        expect(Value.Check(atom.NewAtomSchema, atom.checkNewAtom(sent, CONTEXT))).toBe(true);
      }),
    );
  });

  test("types name the same fields as their schemas", () => {
    expect(sameFields.every(Boolean)).toBe(true);
  });
});

describe("schemas", () => {
  const all = Object.entries(atom).filter(([name]) => name.endsWith("Schema")) as unknown as [
    string,
    TSchema,
  ][];

  test("of requests allow no other fields", () => {
    for (const [name, schema] of all) {
      if (/^(New|.*Request|AtomFilter)/.test(name))
        expect([name, schema.additionalProperties]).toEqual([name, false]);
    }
  });

  test("of requests describe every field", () => {
    for (const [name, schema] of all) {
      if (!/^(New|.*Request|AtomFilter)/.test(name)) continue;
      for (const [field, property] of Object.entries(schema.properties as Record<string, TSchema>)) {
        const described = [property, ...((property.anyOf ?? []) as TSchema[])].some(
          (each) => each.description,
        );
        expect([name, field, described]).toEqual([name, field, true]);
      }
    }
  });
});
