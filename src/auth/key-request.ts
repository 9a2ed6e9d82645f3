import { type Static, Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { invalid, LIMITS } from "../base/mod.ts";
import { CAPABILITIES, type Capability } from "./caller.ts";
import type { NewKey } from "./key-ring.ts";

const Patterns = (about: string) =>
  Type.Optional(
    Type.Union(
      [
        Type.Array(Type.String({ minLength: 1, maxLength: LIMITS.worldChars }), {
          maxItems: LIMITS.keyPatterns,
        }),
        Type.Null(),
      ],
      { description: about },
    ),
  );

export const NewKeySchema = Type.Object(
  {
    // not the names that the environment or the first start gives, nor those of callers without a key
    name: Type.String({
      minLength: 1,
      maxLength: LIMITS.keyNameChars,
      pattern: "^(?!(?:admin|anonymous|node|WW_.*)$)[A-Za-z0-9][A-Za-z0-9._@-]*$",
    }),
    capabilities: Type.Optional(
      Type.Union(
        [Type.Array(Type.Union(CAPABILITIES.map((one) => Type.Literal(one))), { minItems: 1 }), Type.Null()],
        {
          description:
            "What it may do; by default what the lists of worlds say, else reading, writing and forgetting.",
        },
      ),
    ),
    read_worlds: Patterns("Names or prefixes such as sensor/*; absent or empty: all."),
    write_worlds: Patterns("The same for writing."),
    kinds: Patterns("Kinds of atoms it may write."),
    labels: Patterns("Labels it may give, or prefixes with a star."),
    sessions: Patterns("Sessions of the memory family, or prefixes with a star."),
    worker: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: LIMITS.workerChars }), Type.Null()]),
    ),
    importance_cap: Type.Optional(Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()])),
    remember_per_sec: Type.Optional(
      Type.Union([Type.Number({ minimum: 0, maximum: 1_000_000 }), Type.Null()]),
    ),
  },
  { additionalProperties: false },
);

const checker = TypeCompiler.Compile(NewKeySchema);

/** What a key may do when only its worlds are named, or nothing is. */
function usualCapabilities({ read_worlds, write_worlds }: Static<typeof NewKeySchema>): Capability[] {
  const [reads, writes] = [read_worlds != null, write_worlds != null];
  if (!reads && !writes) return ["read_worlds", "write_worlds", "forget"];
  return [...(reads ? (["read_worlds"] as const) : []), ...(writes ? (["write_worlds"] as const) : [])];
}

/**
 * A request for a new key, checked; null counts as absent.
 * @throws Fault invalid_input naming the field
 */
export function checkKeyRequest(value: unknown): NewKey {
  if (!checker.Check(value)) {
    const first = checker.Errors(value).First();
    const field = first?.path.slice(1) || "the body";
    throw invalid(`${field} is not accepted for a key: ${first?.message.toLowerCase() ?? "see /docs"}`);
  }
  const capabilities = value.capabilities ?? usualCapabilities(value);
  const given = Object.entries(value).filter(([, part]) => part !== null);
  return { ...Object.fromEntries(given), name: value.name, capabilities: [...new Set(capabilities)] };
}
