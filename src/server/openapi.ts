import type { TSchema } from "@sinclair/typebox";
import {
  AskAnswerSchema,
  AskRequestSchema,
  AtomFilterSchema,
  AtomSchema,
  BatchAnswerSchema,
  BatchRequestSchema,
  DetailBodySchema,
  ErrorBodySchema,
  ErrorCodeSchema,
  HealthBodySchema,
  IndexStatusSchema,
  KindSchema,
  LineAnswerSchema,
  LinkSchema,
  NewAtomSchema,
  PolicyRequestSchema,
  ReplayRequestSchema,
  WorldCountSchema,
  WorldRequestSchema,
} from "../atom/mod.ts";
import { type ErrorCode, statusOf } from "../base/mod.ts";
import { memorySchemas } from "../memory/mod.ts";
import { JSON_TYPE, MSGPACK_TYPE, NDJSON_TYPE } from "./negotiate.ts";
import { isApiPath } from "./path.ts";
import type { Parameter, Route } from "./route.ts";

/** Schemas that have a name in the document; wherever one stands, it is referred to. */
const NAMED = {
  NewAtom: NewAtomSchema,
  Atom: AtomSchema,
  Link: LinkSchema,
  Kind: KindSchema,
  AtomFilter: AtomFilterSchema,
  BatchRequest: BatchRequestSchema,
  BatchAnswer: BatchAnswerSchema,
  LineAnswer: LineAnswerSchema,
  AskRequest: AskRequestSchema,
  AskAnswer: AskAnswerSchema,
  ReplayRequest: ReplayRequestSchema,
  WorldRequest: WorldRequestSchema,
  WorldCount: WorldCountSchema,
  PolicyRequest: PolicyRequestSchema,
  IndexStatus: IndexStatusSchema,
  Health: HealthBodySchema,
  ErrorCode: ErrorCodeSchema,
  Error: ErrorBodySchema,
  Episode: memorySchemas.Episode,
  Entity: memorySchemas.Entity,
  Skill: memorySchemas.Skill,
  Relation: memorySchemas.Relation,
  ErrorDetail: DetailBodySchema,
} as const satisfies Record<string, TSchema>;

const NAME_OF = new Map<unknown, string>(Object.entries(NAMED).map(([name, schema]) => [schema, name]));

const MEANING: Partial<Record<ErrorCode, string>> = {
  invalid_input: "the request is malformed, or a field that the sentence names has a bad value",
  unauthenticated: "a key is needed and none was sent",
  forbidden: "the key is wrong, or may not do this",
  capability_denied: "the key lacks the capability",
  importance_cap: "the importance is above what the key may write",
  kind_not_allowed: "the key may not write this kind",
  label_not_allowed: "the key may not write this label",
  world_archived: "the world is archived; reading it still works",
  not_found: "there is no such thing, or the key may not read it",
  conflict: "the id, the Idempotency-Key or the world is in use for something else",
  gone: "the id was forgotten",
  payload_too_large: "the body or a payload is too large",
  unsupported_media_type: "the body has another media type, charset or encoding than those listed",
  rate_limited: "too many requests; nothing was done",
  read_only: "the node is read-only for now",
  maintenance: "the node is being maintained",
  overloaded: "a queue or the memory budget is full, or the node is starting",
  deadline_exceeded: "the request took too long",
  storage_error: "the storage failed",
  disk_full: "the disk, or the node's share of it, is full; reading and forgetting go on",
  internal_error: "a bug; the log has more under the request id",
};

/** Codes that any guarded route may answer. */
const GUARDED: readonly ErrorCode[] = [
  "invalid_input",
  "unauthenticated",
  "forbidden",
  "capability_denied",
  "rate_limited",
  "overloaded",
  "deadline_exceeded",
  "storage_error",
  "internal_error",
];

/** Every code that a route may answer. */
export function faultsOf(route: Route): Set<ErrorCode> {
  // Whatever the route, a body that is announced as too large is refused.
  const codes = new Set<ErrorCode>(["payload_too_large", ...(route.faults ?? [])]);
  if (!route.always) codes.add("maintenance");
  if (route.access === "exempt") return codes;
  for (const code of GUARDED) codes.add(code);
  if (route.body) codes.add("unsupported_media_type");
  if (route.writes) for (const code of ["read_only", "disk_full"] as const) codes.add(code);
  return codes;
}

export interface OpenApi {
  openapi: "3.1.0";
  info: { title: string; version: string; description: string };
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  security: Record<string, string[]>[];
  parameters?: { name: string; in: string; required: boolean; description: string; schema: unknown }[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, ResponseObject>;
}

export type Content = Record<string, { schema: unknown }>;

export interface ResponseObject {
  description: string;
  headers: Record<string, { description: string; schema: { type: "string" } }>;
  content?: Content;
}

const SCHEMES = {
  bearer: { type: "http", scheme: "bearer" },
  apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
  adminKey: { type: "apiKey", in: "header", name: "X-Admin-Key" },
};

/**
 * The OpenAPI 3.1 document of the routes.
 * @param open whether requests without a key are let in.
 */
export function openApiDocument(routes: readonly Route[], version: string, open: boolean): OpenApi {
  const paths: OpenApi["paths"] = {};
  for (const route of routes) {
    const path = documentedPath(route.path);
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(route, path, open);
  }
  const schemas = Object.entries(NAMED).map(([name, schema]) => [name, children(schema)] as const);
  return {
    openapi: "3.1.0",
    info: {
      title: "dwbase",
      version,
      description:
        "A memory for small machines. Null means absent, unknown fields are refused (and passed over under /api/v1), times are RFC 3339, ids are opaque. " +
        "Every GET route answers HEAD too, every answer carries X-Request-Id, and answers are compressed with gzip where that is accepted.",
    },
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(schemas),
      securitySchemes: SCHEMES,
    },
  };
}

/** A route's path as the document writes it: parameters in braces. */
export function documentedPath(path: string): string {
  return path.replace(/:(\w+)\+?/g, "{$1}");
}

function operation(route: Route, path: string, open: boolean): Operation {
  const guarded = route.access === "exempt" ? undefined : route;
  const parameters = parametersOf(route, path);
  const made: Operation = {
    operationId: `${route.method.toLowerCase()}${path.replace(/[^A-Za-z]+(.)?/g, (_, c = "") => c.toUpperCase())}`,
    tags: [route.tag],
    summary: route.summary,
    security: securityOf(route, open),
    responses: responsesOf(route),
  };
  const capability = guarded && `Needs the capability \`${guarded.access}\`.`;
  const description = [route.description, capability].filter((text) => text !== undefined).join(" ");
  if (description !== "") made.description = description;
  if (parameters.length > 0) made.parameters = parameters;
  if (guarded?.body) {
    const content = contentOf(guarded.body.schema, [JSON_TYPE, MSGPACK_TYPE]);
    if (guarded.lines) content[NDJSON_TYPE] = { schema: reference(guarded.lines.schema) };
    made.requestBody = { required: !guarded.body.optional, content };
  }
  return made;
}

/** Any one of the keys, with the capability that it needs; no key where requests without one are let in. */
function securityOf({ access }: Route, open: boolean): Operation["security"] {
  if (access === "exempt") return [];
  const keys = Object.keys(SCHEMES).map((scheme) => ({ [scheme]: [access] }));
  return open && access !== "admin" ? [...keys, {}] : keys;
}

function parametersOf(route: Route, path: string): NonNullable<Operation["parameters"]> {
  const shown = (place: string) => (parameter: Parameter) => ({
    name: parameter.name,
    in: place,
    required: false,
    description: parameter.description,
    schema: reference(parameter.schema),
  });
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name: name!,
    in: "path",
    required: true,
    description: route.params?.[name!] ?? "Id of an atom.",
    // ids are the only parameters of a path that have a form
    schema: name === "id" ? { type: "string", format: "uuid" } : { type: "string" },
  }));
  return [
    ...inPath,
    ...(route.query ?? []).map(shown("query")),
    ...(route.headers ?? []).map(shown("header")),
  ];
}

function responsesOf(route: Route): Operation["responses"] {
  const { answer, unready } = route;
  const good: ResponseObject = {
    description: answer.description,
    headers: headersOf({ ...answer.headers }),
  };
  if (answer.schema) good.content = contentOf(answer.schema, answer.types ?? [JSON_TYPE, MSGPACK_TYPE]);
  else if (answer.types) good.content = contentOf({ type: "string" }, answer.types);
  if (answer.line && good.content) good.content[NDJSON_TYPE] = { schema: reference(answer.line) };

  const responses: Operation["responses"] = { [answer.status]: good };
  const api = isApiPath(route.path);
  const byStatus = Map.groupBy(faultsOf(route), statusOf);
  if (api && byStatus.get(400)?.includes("invalid_input")) byStatus.set(422, ["invalid_input"]);
  for (const status of [...byStatus.keys()].sort()) {
    responses[status] = refusal(status, byStatus.get(status)!, api ? DetailBodySchema : ErrorBodySchema);
  }
  if (unready) {
    const error = responses[unready.status];
    responses[unready.status] = {
      description: [unready.description, error?.description].filter(Boolean).join("\n"),
      headers: error?.headers ?? headersOf({}),
      content: contentOf({ anyOf: [unready.schema, ErrorBodySchema] }, [JSON_TYPE, MSGPACK_TYPE]),
    };
  }
  return responses;
}

function refusal(status: number, codes: readonly ErrorCode[], body: TSchema): ResponseObject {
  const headers: Record<string, string> = {};
  if (status === 401) headers["WWW-Authenticate"] = "ApiKey";
  if (status === 429 || status === 503) headers["Retry-After"] = "Seconds to wait.";
  if (status === 429) {
    headers["X-RateLimit-Limit"] = "Tokens of a full bucket.";
    headers["X-RateLimit-Remaining"] = "Tokens left.";
    headers["X-RateLimit-Reset"] = "Seconds until the bucket is full.";
  }
  return {
    description: codes.map((code) => `\`${code}\`: ${MEANING[code]}.`).join("\n"),
    headers: headersOf(headers),
    content: contentOf(body, [JSON_TYPE, MSGPACK_TYPE]),
  };
}

function headersOf(meanings: Record<string, string>): ResponseObject["headers"] {
  const all = { "X-Request-Id": "The caller's, or a new one.", ...meanings };
  return Object.fromEntries(
    Object.entries(all).map(([name, description]) => [
      name,
      { description, schema: { type: "string" as const } },
    ]),
  );
}

function contentOf(schema: unknown, types: readonly string[]): Content {
  return Object.fromEntries(types.map((type) => [type, { schema: reference(schema) }]));
}

/** A schema as it stands in the document: by reference when it has a name. */
function reference(schema: unknown): unknown {
  const name = NAME_OF.get(schema);
  return name === undefined ? children(schema) : { $ref: `#/components/schemas/${name}` };
}

/** A schema whose parts are referred to where they have names. */
function children(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(reference);
  if (schema === null || typeof schema !== "object") return schema;
  const words = wordsOf(schema);
  if (words) return words;
  return Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, reference(part)]));
}

/** A union of words is shorter as an enum. */
function wordsOf(schema: object): unknown {
  if (!("anyOf" in schema) || !Array.isArray(schema.anyOf)) return undefined;
  const { anyOf, ...rest } = schema;
  const words = anyOf.map((part: { const?: unknown }) => part.const);
  return words.every((word) => typeof word === "string")
    ? { ...rest, type: "string", enum: words }
    : undefined;
}
