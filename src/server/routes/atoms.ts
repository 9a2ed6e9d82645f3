import { AtomSchema, unknownAtom } from "../../atom/mod.ts";
import { isId } from "../../base/mod.ts";
import type { Exchange } from "../exchange.ts";
import { guarded, type Route } from "../route.ts";

/** The id in the path. @throws Fault not_found when it is not a UUID: no atom can have it. */
function atomId({ params }: Exchange): string {
  // null where the path is no percent-encoding
  const id = params.id ?? "";
  if (!isId(id)) throw unknownAtom(id);
  return id.toLowerCase();
}

const get = guarded<string>({
  method: "GET",
  path: "/atoms/:id",
  tag: "atoms",
  access: "read_worlds",
  summary: "Get an atom",
  parameters: atomId,
  answer: { status: 200, description: "The atom.", schema: AtomSchema },
  faults: ["not_found"],
  run: ({ exchange, engine, caller, input }) => engine.get(caller, input, exchange.want),
});

const forget = guarded<string>({
  method: "DELETE",
  path: "/atoms/:id",
  tag: "atoms",
  access: "forget",
  writes: true,
  summary: "Forget an atom",
  description:
    "Within 60 seconds no file of the node holds its payload, words or vector; backups made earlier still do.",
  parameters: atomId,
  answer: { status: 204, description: "Forgotten." },
  faults: ["not_found"],
  run: ({ engine, caller, input }) => engine.forget(caller, input),
});

export const atomRoutes: readonly Route[] = [get, forget];
