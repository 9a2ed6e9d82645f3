import { Type } from "@sinclair/typebox";
import { ERROR_CODES } from "../base/mod.ts";
import { KindSchema, LinkSchema, oneOf } from "./schemas.ts";

/** Schemas of what the atom family answers; they make the OpenAPI document. */

const Id = Type.String({ description: "Opaque id of an atom (UUIDv7 text)." });
const Time = (description: string) => Type.String({ format: "date-time", description });
const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);
const Count = (description: string) => Type.Integer({ minimum: 0, description });

/** `code` of an error. */
export const ErrorCodeSchema = oneOf(ERROR_CODES, "Stable name of the error.");

export const ErrorBodySchema = Type.Object({
  error: Type.String({ description: "What happened, to what, and what to do." }),
  code: ErrorCodeSchema,
});

/** The same under /api/v1, in the words of World Weaver. */
export const DetailBodySchema = Type.Object({
  detail: Type.String({ description: "What happened, to what, and what to do." }),
  code: ErrorCodeSchema,
});

export const AtomSchema = Type.Object({
  id: Id,
  world: Type.String(),
  worker: Type.String(),
  kind: KindSchema,
  timestamp: Time("When it happened, RFC 3339 UTC with milliseconds."),
  importance: Type.Number({ minimum: 0, maximum: 1 }),
  payload_json: Type.String({ description: "The memory itself, as it was sent." }),
  vector: Nullable(Type.Array(Type.Number(), { description: "The caller's own embedding." })),
  flags: Type.Array(Type.String()),
  labels: Type.Array(Type.String()),
  links: Type.Array(LinkSchema),
});

/** POST /remember and POST /worlds/policy: an id as a bare string. */
export const IdSchema = Id;

export const AtomListSchema = Type.Array(AtomSchema, { description: "Oldest first, in log order." });

const BatchErrorSchema = Type.Object({
  index: Count("Position in the request, from 0."),
  code: ErrorCodeSchema,
  error: Type.String(),
});

export const BatchAnswerSchema = Type.Object({
  ids: Type.Array(Nullable(Id), { description: "Aligned with the request; null where refused." }),
  errors: Type.Array(BatchErrorSchema),
});

/** One line of the NDJSON answer. */
export const LineAnswerSchema = Type.Union([
  Type.Object({ index: Count("Item, from 0; blank lines do not count."), id: Id }),
  BatchErrorSchema,
]);

export const AskAnswerSchema = Type.Object({
  world: Type.String(),
  text: Type.String({ description: "The sentence that answers best, quoted; empty if nothing matches." }),
  supporting_atoms: Type.Array(AtomSchema, { description: "Best first." }),
  warnings: Type.Array(Type.String()),
  mode: oneOf(["exact", "ann", "lexical"], "How the semantic list was made."),
  scores: Type.Optional(
    Type.Array(
      Type.Object(
        { id: Id, score: Type.Number({ description: "Sum of the signals." }) },
        { additionalProperties: Type.Number({ description: "Contribution of a signal." }) },
      ),
      { description: "With `explain`: aligned with supporting_atoms." },
    ),
  ),
});

export const WorldCountSchema = Type.Object({
  name: Type.String(),
  atoms: Count("Atoms in the world."),
  bytes: Count("Bytes of these atoms."),
  archived: Type.Boolean(),
  description: Nullable(Type.String()),
  labels: Type.Array(Type.String()),
});

/** GET /worlds: names, or objects with ?counts=true. */
export const WorldListSchema = Type.Union([Type.Array(Type.String()), Type.Array(WorldCountSchema)]);

export const IndexStatusSchema = Type.Object({
  world: Type.String(),
  version: Type.Integer(),
  embedder_version: Nullable(Type.String()),
  last_rebuilt: Nullable(Time("When the index was last built whole.")),
  ready: Type.Boolean(),
  rebuilding: Type.Boolean(),
  progress: Type.Number({ minimum: 0, maximum: 1 }),
  started_at: Nullable(Time("When the rebuild began.")),
  last_progress: Nullable(Time("When the rebuild last moved.")),
  mode: oneOf(["exact", "ann", "lexical"], "How the world is searched now."),
  indexed: Count("Atoms that the index or an exact scan covers."),
  pending: Count("Atoms that neither covers yet."),
});

export const IndexStatusListSchema = Type.Array(IndexStatusSchema);

const Usage = Type.Object({
  used_bytes: Count("Bytes used."),
  total_bytes: Count("Bytes in all."),
  percent_used: Type.Number({ minimum: 0 }),
});

export const HealthBodySchema = Type.Object({
  status: oneOf(["ready", "degraded"], "Whether the node serves without reserve."),
  message: Type.String(),
  disk_usage: Usage,
  index_rebuild_lag_ms: Type.Number({ minimum: 0 }),
  version: Type.String(),
  uptime_s: Type.Number({ minimum: 0 }),
  memory: Type.Object({ rss_bytes: Count("RSS."), budget_bytes: Count("Budget."), stage: Type.String() }),
  disk: Type.Object({ used_bytes: Count("Used."), budget_bytes: Count("Budget."), stage: Type.String() }),
  checks: Type.Array(
    Type.Object({
      name: Type.String(),
      status: oneOf(["ok", "warning", "critical"], "How it stands."),
      message: Type.String(),
    }),
  ),
});
