import { decodeUtf8 } from "../../../base/mod.ts";
import { type ConsolidationResults, checks, memorySchemas } from "../../../memory/mod.ts";
import { API } from "../../path.ts";
import { guarded } from "../../route.ts";
import { SESSION_HEADER, sessionOf } from "../../session.ts";

/** Each piece is a write of its own, so that others get their turn between them and a kill loses none that is done. */
export const consolidate = guarded<{ deep: boolean }>({
  method: "POST",
  path: `${API}/consolidate`,
  tag: "system",
  access: "admin",
  writes: true,
  summary: "Consolidate a session now",
  description:
    "Nothing is destroyed: a duplicate stays readable by its id behind the episode that supersedes it. The same again " +
    "changes nothing. What was broken off goes on where it stopped.",
  headers: [SESSION_HEADER],
  body: {
    schema: memorySchemas.ConsolidationRequest,
    optional: true,
    check: (value) => checks.consolidation(value),
  },
  answer: { status: 200, description: "What was done.", schema: memorySchemas.ConsolidationAnswer },
  faults: ["world_archived"],
  async run({ exchange, engine, caller, input: { deep } }) {
    for (;;) {
      const request = { op: "consolidate", deep, by: caller.name } as const;
      const reply = await engine.memoryWrite(caller, sessionOf(exchange), request, {
        format: "json",
        gzip: false,
      });
      const { done, results }: { done: boolean; results: ConsolidationResults } = JSON.parse(
        decodeUtf8(reply.bytes)!,
      );
      if (done) return exchange.value(200, { success: true, type: deep ? "deep" : "light", results });
    }
  },
});
