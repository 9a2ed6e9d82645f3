import { type Static, Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { invalid, LIMITS } from "../base/mod.ts";
import { CAPABILITIES, type Capability } from "./caller.ts";
import type { NewKey } from "./key-ring.ts";

/** Highest rate of its own that a key can have, a second. */
const RATE_MAX = 1_000_000;

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
      Type.Union([Type.Number({ minimum: 0, maximum: RATE_MAX }), Type.Null()]),
    ),
  },
  { additionalProperties: false },
);

const checker = TypeCompiler.Compile(NewKeySchema);

const PATTERNS = `a list of at most ${LIMITS.keyPatterns} texts of 1 to ${LIMITS.worldChars} characters`;
/** What each field takes, for sentences. */
const TAKES: Record<keyof Static<typeof NewKeySchema>, string> = {
  name:
    `1 to ${LIMITS.keyNameChars} letters, digits and any of . _ @ -, the first a letter or digit; ` +
    "admin, anonymous, node and WW_… are taken",
  capabilities: `a list of at least one of ${CAPABILITIES.join(", ")}`,
  read_worlds: PATTERNS,
  write_worlds: PATTERNS,
  kinds: PATTERNS,
  labels: PATTERNS,
  sessions: PATTERNS,
  worker: `a text of 1 to ${LIMITS.workerChars} characters`,
  importance_cap: "a number from 0 to 1",
  remember_per_sec: `a number from 0 to ${RATE_MAX}`,
};

/** What a key may do when only its worlds are named, or nothing is. */
function usualCapabilities({ read_worlds, write_worlds }: Static<typeof NewKeySchema>): Capability[] {
  const [reads, writes] = [read_worlds != null, write_worlds != null];
  if (!reads && !writes) return ["read_worlds", "write_worlds", "forget"];
  return [...(reads ? (["read_worlds"] as const) : []), ...(writes ? (["write_worlds"] as const) : [])];
}

function refusalOf(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "a key must be an object";
  const unknown = Object.keys(value).find((field) => !Object.hasOwn(TAKES, field));
  if (unknown !== undefined) {
    const known = Object.keys(TAKES).join(", ");
    return `unknown field ${JSON.stringify(unknown.slice(0, LIMITS.keyNameChars))}; the fields of a key are ${known}`;
  }
  const at = checker.Errors(value).First()?.path.split("/")[1] as keyof typeof TAKES;
  return `${at} must be ${TAKES[at]}`;
}

/**
 * A request for a new key, checked; null counts as absent.
 * @throws Fault invalid_input naming the field
 */
export function checkKeyRequest(value: unknown): NewKey {
  if (!checker.Check(value)) throw invalid(refusalOf(value));
  const capabilities = value.capabilities ?? usualCapabilities(value);
  const given = Object.entries(value).filter(([, part]) => part !== null);
  return { ...Object.fromEntries(given), name: value.name, capabilities: [...new Set(capabilities)] };
}
