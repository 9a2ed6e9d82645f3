import { AskAnswerSchema, type AskRequest, AskRequestSchema, checkAsk } from "../../atom/mod.ts";
import { guarded, type Route } from "../route.ts";

const ask = guarded<AskRequest>({
  method: "POST",
  path: "/ask",
  tag: "atoms",
  access: "read_worlds",
  limited: "ask",
  summary: "Ask in plain words",
  description:
    "The atoms of a world that answer a question, best first. An empty text gives the newest important ones.",
  body: {
    schema: AskRequestSchema,
    check: checkAsk,
  },
  answer: { status: 200, description: "The answer.", schema: AskAnswerSchema },
  faults: ["not_found"],
  run: ({ exchange, engine, caller, input }) => engine.ask(caller, input, exchange.want),
});

export const askRoutes: readonly Route[] = [ask];
