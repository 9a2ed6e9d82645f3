import type { TSchema } from "@sinclair/typebox";
import { field } from "../../../atom/mod.ts";
import { Fault, unprocessable } from "../../../base/mod.ts";
import { id as checkId, type MemoryRead, type MemoryWrite } from "../../../memory/mod.ts";
import type { Exchange } from "../../exchange.ts";
import { API } from "../../path.ts";
import { type Body, type GuardedRoute, guarded, type Parameter, type Route } from "../../route.ts";
import { SESSION_HEADER, sessionOf } from "../../session.ts";

/** Runs a check of a path or query parameter: its refusal is 422. @throws Fault invalid_input with status 422 */
export function checked<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof Fault && error.code === "invalid_input") throw unprocessable(error.message);
    throw error;
  }
}

/** The id in the path. @throws Fault invalid_input with status 422 */
export function idOf({ params }: Exchange): string {
  return checked(() => checkId(params.id, "the id in the path"));
}

/** A query parameter as `check` takes it; `otherwise` when it is absent. */
export function queryOr<T>({ query }: Exchange, name: string, otherwise: T, check: (text: string) => T): T {
  const text = query[name];
  return text === undefined ? otherwise : checked(() => check(text));
}

/** Fields that `check` makes of a query parameter; none when it is absent. */
export function given<T extends object>(
  exchange: Exchange,
  name: string,
  check: (text: string) => T,
): Partial<T> {
  return queryOr<Partial<T>>(exchange, name, {}, check);
}

/** A whole number from 1 to `most` in a query. */
export const wholeTo =
  (name: string, most: number) =>
  (text: string): number =>
    field.integer(/^\d{1,9}$/.test(text) ? Number(text) : text, name, 1, most);

interface Described extends Pick<GuardedRoute, "method" | "summary" | "description" | "params"> {
  /** Behind /api/v1. */
  path: string;
  tag: "episodes" | "entities" | "skills" | "system";
  query?: readonly Parameter[];
  /** What comes back, with a word about it. */
  answer: [schema: TSchema, description: string];
}

/** Where a request comes from: path, query and, where there is one, the body. */
interface Source<T> {
  body?: Pick<Body<T>, "schema" | "optional">;
  from(exchange: Exchange, value: unknown): T;
}

function entry<T>(
  route: Described,
  source: Source<T>,
  rest: Pick<GuardedRoute<T>, "access" | "writes" | "answer" | "faults" | "run">,
): Route {
  const { answer: _, path, ...described } = route;
  const base = { ...described, path: API + path, headers: [SESSION_HEADER], ...rest };
  const { body, from } = source;
  return body
    ? guarded<T>({ ...base, body: { ...body, check: (value, exchange) => from(exchange, value) } })
    : guarded<T>({ ...base, parameters: (exchange) => from(exchange, undefined) });
}

/** A route that reads. */
export function reading(route: Described, source: Source<MemoryRead>): Route {
  const [schema, description] = route.answer;
  return entry<MemoryRead>(route, source, {
    access: "read_worlds",
    answer: { status: 200, description, schema },
    faults: ["not_found"],
    run: ({ exchange, engine, caller, input }) =>
      engine.memoryRead(caller, sessionOf(exchange), input, exchange.want),
  });
}

/** A route that writes. @param status 201 when it makes something */
export function writing(route: Described, source: Source<MemoryWrite>, status: 200 | 201 = 200): Route {
  const [schema, description] = route.answer;
  return entry<MemoryWrite>(route, source, {
    access: "write_worlds",
    writes: true,
    answer: { status, description, schema },
    faults: ["not_found", "world_archived", "importance_cap"],
    run: ({ exchange, engine, caller, input }) =>
      engine.memoryWrite(caller, sessionOf(exchange), input, exchange.want),
  });
}

/** The route that forgets a thing of a family for good. */
export function forgetting(
  family: "episode" | "entity" | "skill",
  path: string,
  tag: Described["tag"],
): Route {
  return guarded<string>({
    method: "DELETE",
    path: `${API}${path}/:id`,
    params: { id: `Id of the ${family}.` },
    tag,
    access: "forget",
    writes: true,
    summary: `Forget a ${family}`.replace("a e", "an e"),
    description: "With every version and tie of it; within 60 seconds no file of the node holds them.",
    headers: [SESSION_HEADER],
    parameters: idOf,
    answer: { status: 204, description: "Forgotten." },
    faults: ["not_found", "world_archived"],
    run: ({ exchange, engine, caller, input }) => {
      const request: MemoryWrite = { op: "forget", family, id: input, by: caller.name };
      return engine.memoryWrite(caller, sessionOf(exchange), request, exchange.want);
    },
  });
}
