import { IndexStatusListSchema } from "../../atom/mod.ts";
import { guarded, type Route } from "../route.ts";

const indexStatus = guarded<undefined>({
  method: "GET",
  path: "/index/status",
  tag: "worlds",
  access: "read_worlds",
  summary: "How the index of each readable world stands",
  answer: { status: 200, description: "One entry a world.", schema: IndexStatusListSchema },
  run: ({ exchange, engine, caller }) => engine.indexStatus(caller, exchange.want),
});

export const indexRoutes: readonly Route[] = [indexStatus];
