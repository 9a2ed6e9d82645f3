import { Type } from "@sinclair/typebox";
import {
  checkPolicy,
  checkWorld,
  IdSchema,
  type PolicyRequest,
  PolicyRequestSchema,
  WorldListSchema,
  type WorldRequest,
  WorldRequestSchema,
} from "../../atom/mod.ts";
import { booleanOf } from "../query.ts";
import { guarded, type Route } from "../route.ts";

const list = guarded<{ archived: boolean; counts: boolean }>({
  method: "GET",
  path: "/worlds",
  tag: "worlds",
  access: "read_worlds",
  summary: "List worlds",
  description: "The worlds that the caller may read, sorted by name.",
  query: [
    { name: "archived", description: "Archived worlds too.", schema: Type.Boolean() },
    { name: "counts", description: "Objects with counts instead of names.", schema: Type.Boolean() },
  ],
  parameters: ({ query }) => ({ archived: booleanOf(query, "archived"), counts: booleanOf(query, "counts") }),
  answer: { status: 200, description: "Names, or objects with `counts`.", schema: WorldListSchema },
  run: ({ exchange, engine, caller, input }) => engine.worlds(caller, input, exchange.want),
});

const manage = guarded<WorldRequest>({
  method: "POST",
  path: "/worlds/manage",
  tag: "worlds",
  access: "manage_worlds",
  writes: true,
  summary: "Create, archive, resume or delete a world",
  body: {
    schema: WorldRequestSchema,
    check: checkWorld,
  },
  answer: { status: 200, description: "Done.", schema: Type.Null() },
  faults: ["not_found", "conflict"],
  run: ({ exchange, engine, caller, input }) => engine.manageWorld(caller, input, exchange.want),
});

const policy = guarded<PolicyRequest>({
  method: "POST",
  path: "/worlds/policy",
  tag: "worlds",
  access: "manage_worlds",
  writes: true,
  summary: "Set the policy of a world",
  description: "A world `tenant:<id>` holds the policy of all worlds `tenant:<id>/…`.",
  body: {
    schema: PolicyRequestSchema,
    check: checkPolicy,
  },
  answer: { status: 200, description: "The policy's id.", schema: IdSchema },
  run: ({ exchange, engine, caller, input }) => engine.setPolicy(caller, input, exchange.want),
});

export const worldRoutes: readonly Route[] = [list, manage, policy];
