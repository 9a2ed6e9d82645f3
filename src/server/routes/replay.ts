import { AtomListSchema, checkReplay, type ReplayRequest, ReplayRequestSchema } from "../../atom/mod.ts";
import { guarded, type Route } from "../route.ts";

const replay = guarded<ReplayRequest>({
  method: "POST",
  path: "/replay",
  tag: "atoms",
  access: "read_worlds",
  summary: "Read a world in log order",
  description: "One page; send its X-Next-After as `after` for the next.",
  body: {
    schema: ReplayRequestSchema,
    check: checkReplay,
  },
  answer: {
    status: 200,
    description: "Atoms, oldest first.",
    schema: AtomListSchema,
    headers: { "X-Next-After": "Cursor of the next page; absent only on the last." },
  },
  faults: ["not_found"],
  run: ({ exchange, engine, caller, input }) => engine.replay(caller, input, exchange.want),
});

export const replayRoutes: readonly Route[] = [replay];
