import type { TSchema } from "@sinclair/typebox";
import type { Caller, Capability, Limited } from "../auth/mod.ts";
import type { ErrorCode } from "../base/mod.ts";
import type { Engine, Reply } from "../engine/mod.ts";
import type { Exchange } from "./exchange.ts";

/** A query parameter, or a header of the request, as the OpenAPI document shows it. */
export interface Parameter {
  name: string;
  description: string;
  schema: TSchema;
}

/** What a route that needs a caller is run with. */
export interface Call<Input> {
  exchange: Exchange;
  engine: Engine;
  caller: Caller;
  input: Input;
}

interface Described {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Parts that begin with a colon are parameters; one that ends with a plus, at the end, takes all that is left. */
  path: string;
  tag: string;
  summary: string;
  description?: string;
  /** What the parameters of the path mean, by name; an id of an atom when absent. */
  params?: Readonly<Record<string, string>>;
  query?: readonly Parameter[];
  headers?: readonly Parameter[];
  answer: Answer;
  /** Another answer than `answer` and the errors. */
  unready?: { status: 503; description: string; schema: TSchema };
  /** Health and control: answered at every panic level and in maintenance. */
  always?: boolean;
  /** Codes beyond those that follow from the other fields. */
  faults?: readonly ErrorCode[];
}

/** The answer when all is well. */
export interface Answer {
  status: 200 | 201 | 204 | 302;
  description: string;
  /** Absent = no body. */
  schema?: TSchema;
  /** Media types in which it comes; JSON and MessagePack when absent. */
  types?: readonly string[];
  /** Schema of one line of an NDJSON answer. */
  line?: TSchema;
  /** Headers beyond X-Request-Id, with their meaning. */
  headers?: Readonly<Record<string, string>>;
}

/** A body of one JSON or MessagePack value. */
export interface Body<Input> {
  schema: TSchema;
  /** No body is the same as {}. */
  optional?: boolean;
  /** JSON is taken under application/x-www-form-urlencoded too, which is what curl -d says when nobody tells it. */
  form?: boolean;
  /** Makes the input of `run`. @throws Fault invalid_input or payload_too_large. */
  check(value: unknown, exchange: Exchange): Input;
}

/** A body of NDJSON lines, answered by lines. */
export interface LineBody {
  schema: TSchema;
  /** Answers at once; what streams the lines keeps to the order of checks, and closes the exchange. */
  run(call: Call<undefined>): Response;
}

/** A route that anybody may use and that no limit holds up. */
export interface ExemptRoute extends Described {
  access: "exempt";
  run(exchange: Exchange): Response | Promise<Response>;
}

/** A route for callers with a capability. */
export interface GuardedRoute<Input = unknown> extends Described {
  access: Capability;
  /** Whose bucket pays a token before the body is parsed. */
  limited?: Limited;
  /** Whether it writes, so that a full disk and a read-only node refuse it. */
  writes?: boolean;
  body?: Body<Input>;
  lines?: LineBody;
  /** Makes the input of path and query where there is no body. @throws Fault invalid_input. */
  parameters?(exchange: Exchange): Input;
  run(call: Call<Input>): Promise<Reply> | Promise<Response>;
}

export type Route = ExemptRoute | GuardedRoute;

/** A guarded route, with the type of its input checked here and forgotten for the table. */
export function guarded<Input>(route: GuardedRoute<Input>): Route {
  return route as unknown as Route;
}
