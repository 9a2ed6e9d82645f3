import { Type } from "@sinclair/typebox";
import { formatTime } from "../../../base/mod.ts";
import { checkImport, memorySchemas } from "../../../memory/mod.ts";
import { API } from "../../path.ts";
import { guarded, type Route } from "../../route.ts";
import { SESSION_HEADER, sessionOf } from "../../session.ts";
import { consolidate } from "./consolidate.ts";
import { reading, writing } from "./shared.ts";

const health: Route = {
  method: "GET",
  path: `${API}/health`,
  tag: "system",
  access: "exempt",
  always: true,
  summary: "Whether the memory can be used",
  headers: [SESSION_HEADER],
  answer: {
    status: 200,
    description: "`healthy`, or `degraded` with the reasons at /health.",
    schema: Type.Object({
      status: Type.String(),
      timestamp: Type.String({ format: "date-time" }),
      version: Type.String(),
      session_id: Type.String(),
    }),
  },
  faults: ["invalid_input"],
  run(exchange) {
    const { health, clock, version } = exchange.shared;
    const session_id = sessionOf(exchange);
    const status = health.body().status === "ready" ? "healthy" : "degraded";
    return exchange.value(200, { status, timestamp: formatTime(clock.now()), version, session_id });
  },
};

const session = guarded<string>({
  method: "GET",
  path: `${API}/session`,
  tag: "system",
  access: "read_worlds",
  summary: "The session of this request",
  headers: [SESSION_HEADER],
  parameters: sessionOf,
  answer: {
    status: 200,
    description: "The session, the node's own one, and where memories lie.",
    schema: Type.Object({
      session_id: Type.String(),
      configured_session: Type.String(),
      storage_backend: Type.Literal("dwbase"),
    }),
  },
  async run({ exchange, input }) {
    const configured_session = exchange.shared.defaultSession;
    return exchange.value(200, { session_id: input, configured_session, storage_backend: "dwbase" });
  },
});

const stats = reading(
  {
    method: "GET",
    path: "/stats",
    tag: "system",
    summary: "Count what a session holds",
    answer: [memorySchemas.Stats, "True counts."],
  },
  { from: () => ({ op: "stats" }) },
);

const importRoute = writing(
  {
    method: "POST",
    path: "/import",
    tag: "system",
    summary: "Take over what World Weaver exported",
    description:
      "Things keep their ids, times, accesses, stability and executions; what is there already is left as it is, so that the same " +
      "import again adds nothing. A refused item holds up no other.",
    answer: [memorySchemas.ImportAnswer, "What became of the items."],
  },
  {
    body: { schema: memorySchemas.ImportRequest },
    from: (_, value) => ({ op: "import", items: checkImport(value) }),
  },
);

export const systemRoutes: readonly Route[] = [health, session, stats, importRoute, consolidate];
