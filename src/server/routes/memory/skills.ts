import { Type } from "@sinclair/typebox";
import { field } from "../../../atom/mod.ts";
import { LIMITS } from "../../../base/mod.ts";
import { checks, DOMAINS, id, memorySchemas as schemas } from "../../../memory/mod.ts";
import type { Exchange } from "../../exchange.ts";
import { booleanOf, LENIENT } from "../../query.ts";
import type { Parameter, Route } from "../../route.ts";
import { checked, forgetting, given, idOf, queryOr, reading, wholeTo, writing } from "./shared.ts";

const tag = "skills";
const params = { id: "Id of the skill." };

const DOMAIN: Parameter = {
  name: "domain",
  description: "Only of this domain.",
  schema: Type.String({ enum: [...DOMAINS] }),
};
const domainOf = (exchange: Exchange) =>
  given(exchange, "domain", (word) => ({ domain: field.oneOfWords(word, "domain", DOMAINS) }));

const create = writing(
  { method: "POST", path: "/skills", tag, summary: "Remember a skill", answer: [schemas.Skill, "It."] },
  {
    body: { schema: schemas.NewSkill },
    from: (_, value) => ({ op: "create_skill", item: checks.newSkill(value) }),
  },
  201,
);

const list = reading(
  {
    method: "GET",
    path: "/skills",
    tag,
    summary: "List skills, newest first",
    description: `It ends where the answer has ${LIMITS.memoryAnswerBytes} bytes; \`total\` counts all.`,
    query: [
      DOMAIN,
      { name: "include_deprecated", description: "Deprecated ones too.", schema: Type.Boolean() },
      {
        name: "limit",
        description: "50 when absent.",
        schema: Type.Integer({ minimum: 1, maximum: LIMITS.skillList }),
      },
    ],
    answer: [schemas.SkillList, "Skills."],
  },
  {
    from: (exchange) => ({
      op: "skills",
      ...domainOf(exchange),
      includeDeprecated: checked(() => booleanOf(exchange.query, "include_deprecated", LENIENT)),
      limit: queryOr(exchange, "limit", 50, wholeTo("limit", LIMITS.skillList)),
    }),
  },
);

const recall = reading(
  {
    method: "POST",
    path: "/skills/recall",
    tag,
    summary: "Find skills for a task",
    description: "Best first, by likeness, success and experience; deprecated ones are left out.",
    answer: [schemas.SkillList, "What was found."],
  },
  {
    body: { schema: schemas.SkillRecall },
    from: (_, value) => ({ op: "recall_skills", recall: checks.skillRecall(value) }),
  },
);

const howTo = reading(
  {
    method: "GET",
    path: "/skills/how-to/:query+",
    params: { query: "The task, in plain words." },
    tag,
    summary: "Ask how to do something",
    query: [DOMAIN],
    answer: [schemas.HowTo, "The best skill with its steps as sentences."],
  },
  {
    from: (exchange) => ({
      op: "how_to",
      query: checked(() =>
        field.text(exchange.params.query, "the query in the path", 1, LIMITS.memoryQueryChars),
      ),
      ...domainOf(exchange),
    }),
  },
);

const get = reading(
  { method: "GET", path: "/skills/:id", params, tag, summary: "Get a skill", answer: [schemas.Skill, "It."] },
  { from: (exchange) => ({ op: "skill", id: idOf(exchange) }) },
);

const change = writing(
  {
    method: "PUT",
    path: "/skills/:id",
    params,
    tag,
    summary: "Change a skill",
    description: "Any subset of its fields; `version` counts the changes.",
    answer: [schemas.Skill, "As it is now."],
  },
  {
    body: { schema: schemas.SkillChange },
    from: (exchange, value) => ({
      op: "change_skill",
      id: idOf(exchange),
      change: checks.skillChange(value),
    }),
  },
);

const execute = writing(
  {
    method: "POST",
    path: "/skills/:id/execute",
    params,
    tag,
    summary: "Say how an execution went",
    description:
      "A skill that fails in more than seven of ten executions, after more than ten, is deprecated.",
    answer: [schemas.Skill, "As it is now."],
  },
  {
    body: { schema: schemas.Execution },
    from: (exchange, value) => ({ op: "execute", id: idOf(exchange), ...checks.execution(value) }),
  },
);

const deprecate = writing(
  {
    method: "POST",
    path: "/skills/:id/deprecate",
    params,
    tag,
    summary: "Say that a skill is not to be used any more",
    query: [
      {
        name: "replacement_id",
        description: "The skill to use instead.",
        schema: Type.String({ format: "uuid" }),
      },
    ],
    answer: [schemas.Skill, "As it is now."],
  },
  {
    from: (exchange) => ({
      op: "deprecate",
      id: idOf(exchange),
      ...given(exchange, "replacement_id", (text) => ({ replacement: id(text, "replacement_id") })),
    }),
  },
);

export const skillRoutes: readonly Route[] = [
  create,
  list,
  recall,
  howTo,
  get,
  change,
  execute,
  deprecate,
  forgetting("skill", "/skills", tag),
];
