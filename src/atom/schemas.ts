import { type TLiteral, type TSchema, type TUnion, Type } from "@sinclair/typebox";
import { LIMITS } from "../base/mod.ts";
import { KINDS, LINK_KINDS, WORLD_ACTIONS } from "./types.ts";

/**
 * Schemas of what is asked of the atom family. They make the OpenAPI document and name the fields that
 * `check.ts` lets through; the field rules there are the same ones with better sentences.
 */

const closed = { additionalProperties: false };

/** A field that may be left out; null means the same. */
function optional<T extends TSchema>(schema: T) {
  return Type.Optional(Type.Union([schema, Type.Null()]));
}

/** That a field is there, not null and no empty list, as a part of `anyOf`. */
function set(field: string) {
  return { required: [field], properties: { [field]: { minItems: 1, not: { type: "null" } } } };
}

/** One of some words. */
export function oneOf<const T extends readonly string[]>(words: T, description: string) {
  const literals = words.map((word) => Type.Literal(word));
  return Type.Union(literals, { description }) as unknown as TUnion<[...{ [K in keyof T]: TLiteral<T[K]> }]>;
}

/** Neither C0, DEL nor C1; the second form also keeps out the reserved first character. */
const NO_CONTROLS = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
const NO_CONTROLS_NOR_TILDE = "^[^~\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$";

export const KindSchema = oneOf(KINDS, "What sort of memory this is.");

/** A world that may be read. */
const World = (description: string) =>
  Type.String({ minLength: 1, maxLength: LIMITS.worldChars, pattern: NO_CONTROLS, description });

/** A world that may be written to. */
const WritableWorld = (description: string) =>
  Type.String({ minLength: 1, maxLength: LIMITS.worldChars, pattern: NO_CONTROLS_NOR_TILDE, description });

const Worker = (description: string) =>
  Type.String({ minLength: 1, maxLength: LIMITS.workerChars, pattern: NO_CONTROLS, description });

const Item = Type.String({ minLength: 1, maxLength: LIMITS.listItemChars });

const Items = (description: string) => Type.Array(Item, { maxItems: LIMITS.listItems, description });

const Worlds = (description: string) =>
  Type.Array(World("A world, or a prefix of some."), { maxItems: LIMITS.listItems, description });

/** A position in the log, base 36: what ten digits can say is a whole number of JavaScript. */
export const CURSOR = /^[0-9a-z]{1,10}$/;

/** From here on a number is infinite as a 32-bit float: half a unit beyond the largest one. */
const FLOAT32 = 2 ** 128 - 2 ** 103;

const Share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });

const Time = (description: string) => Type.String({ format: "date-time", description });

export const LinkSchema = Type.Object(
  {
    target: Type.String({
      minLength: 1,
      maxLength: LIMITS.listItemChars,
      description: "Id of the other atom.",
    }),
    kind: oneOf(LINK_KINDS, "How this atom stands to the other."),
  },
  closed,
);

export const NewAtomSchema = Type.Object(
  {
    id: optional(
      Type.String({ format: "uuid", description: "An id of the caller's own, which makes a retry safe." }),
    ),
    world: WritableWorld("The world to remember in; made when it is new. `~` at its start is reserved."),
    worker: Worker("Who remembers."),
    kind: KindSchema,
    timestamp: optional(
      Type.Union([Type.String({ format: "date-time" }), Type.Literal("")], {
        description: "When it happened, RFC 3339, at most 24 hours in the future; absent or empty means now.",
      }),
    ),
    importance: optional(Share("0 to 1; 0.5 when absent.")),
    payload_json: Type.String({
      description: `The memory itself, as a rule JSON text; at most ${LIMITS.payloadBytes} bytes of UTF-8.`,
    }),
    vector: optional(
      Type.Array(Type.Number({ exclusiveMinimum: -FLOAT32, exclusiveMaximum: FLOAT32 }), {
        minItems: 1,
        maxItems: LIMITS.vectorDimensions,
        description: "An embedding of the caller's own; finite 32-bit floats.",
      }),
    ),
    flags: optional(Items("Marks with a meaning for the node, e.g. `quarantine`.")),
    labels: optional(Items("Marks with a meaning for the caller; `pin` exempts from retention.")),
    links: optional(
      Type.Array(Type.Union([LinkSchema, Item]), {
        maxItems: LIMITS.listItems,
        description: "Other atoms; a bare id is read as `references`.",
      }),
    ),
  },
  closed,
);

export const BatchRequestSchema = Type.Object(
  {
    // an item that is wrong stands in the errors of the answer and does not hold up the others
    atoms: Type.Array(Type.Union([NewAtomSchema, Type.Unknown()]), {
      maxItems: LIMITS.batchAtoms,
      description: "Atoms to remember.",
    }),
  },
  closed,
);

export const AtomFilterSchema = Type.Object(
  {
    world: optional(World("The world asked in, if given at all.")),
    worlds: optional(
      Type.Array(World("A world."), {
        minItems: 1,
        maxItems: LIMITS.listItems,
        description: "Must contain the world asked in.",
      }),
    ),
    kinds: optional(
      Type.Array(KindSchema, {
        maxItems: LIMITS.listItems,
        description: "Any of these kinds; empty = any kind.",
      }),
    ),
    labels: optional(Items("All of these labels must be present.")),
    flags: optional(Items("Flags that must be present; `quarantine` also shows what is held back.")),
    workers: optional(
      Type.Array(Worker("A worker."), {
        maxItems: LIMITS.listItems,
        description: "Any of these workers; empty = any.",
      }),
    ),
    since: optional(Time("Earliest timestamp, inclusive.")),
    until: optional(Time("Latest timestamp, inclusive.")),
    min_importance: optional(Share("Least importance.")),
    limit: optional(
      Type.Integer({ minimum: 1, maximum: LIMITS.replayAtoms, description: "Most atoms to answer." }),
    ),
  },
  { ...closed, description: "Which atoms count; every field is optional." },
);

export const AskRequestSchema = Type.Object(
  {
    world: World("The world to ask in."),
    text: Type.String({
      maxLength: LIMITS.askTextChars,
      description: "The question, in plain words; empty for the newest important atoms.",
    }),
    filter: optional(AtomFilterSchema),
    limit: optional(
      Type.Integer({
        minimum: 1,
        maximum: LIMITS.askLimit,
        description: `Most atoms to answer; ${LIMITS.askDefault} when absent.`,
      }),
    ),
    explain: optional(Type.Boolean({ description: "Answer the contribution of every signal too." })),
  },
  closed,
);

export const ReplayRequestSchema = Type.Object(
  {
    world: World("The world to replay."),
    filter: optional(AtomFilterSchema),
    after: optional(
      Type.String({ pattern: CURSOR.source, description: "`X-Next-After` of the page before; opaque." }),
    ),
  },
  closed,
);

export const WorldRequestSchema = Type.Object(
  {
    action: oneOf(WORLD_ACTIONS, "What to do with the world."),
    world: WritableWorld("The world."),
    description: optional(
      Type.String({ maxLength: LIMITS.descriptionChars, description: "What the world is for." }),
    ),
    labels: optional(Items("Labels of the world.")),
  },
  closed,
);

export const PolicyRequestSchema = Type.Object(
  {
    world: WritableWorld("The world, or `tenant:<id>` for all worlds `tenant:<id>/…`."),
    retention_days: optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: LIMITS.retentionDays,
        description: "Evict what is older than this.",
      }),
    ),
    min_importance: optional(Share("Evict what is less important than this.")),
    replication_allow: optional(Worlds("Worlds or nodes that replication may serve.")),
    replication_deny: optional(Worlds("Worlds or nodes that replication may not serve.")),
    max_bytes: optional(
      Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: "Most bytes of the world." }),
    ),
  },
  {
    ...closed,
    description: "A policy of a world; at least one field besides `world` must be set.",
    anyOf: [
      ...["retention_days", "min_importance", "replication_allow", "replication_deny", "max_bytes"].map(set),
    ],
  },
);
