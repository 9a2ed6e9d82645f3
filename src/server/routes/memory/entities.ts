import { Type } from "@sinclair/typebox";
import { field } from "../../../atom/mod.ts";
import { LIMITS } from "../../../base/mod.ts";
import { checks, ENTITY_TYPES, moment, memorySchemas as schemas } from "../../../memory/mod.ts";
import type { Route } from "../../route.ts";
import { forgetting, given, idOf, queryOr, reading, wholeTo, writing } from "./shared.ts";

const tag = "entities";
const params = { id: "Id of the entity." };

const create = writing(
  { method: "POST", path: "/entities", tag, summary: "Remember an entity", answer: [schemas.Entity, "It."] },
  {
    body: { schema: schemas.NewEntity },
    from: (_, value) => ({ op: "create_entity", item: checks.newEntity(value) }),
  },
  201,
);

const list = reading(
  {
    method: "GET",
    path: "/entities",
    tag,
    summary: "List entities, newest first",
    description: `It ends where the answer has ${LIMITS.memoryAnswerBytes} bytes; \`total\` counts all.`,
    query: [
      {
        name: "entity_type",
        description: "Only of this type.",
        schema: Type.String({ enum: [...ENTITY_TYPES] }),
      },
      {
        name: "limit",
        description: "50 when absent.",
        schema: Type.Integer({ minimum: 1, maximum: LIMITS.entityList }),
      },
    ],
    answer: [schemas.EntityList, "Entities."],
  },
  {
    from: (exchange) => ({
      op: "entities",
      ...given(exchange, "entity_type", (word) => ({
        type: field.oneOfWords(word, "entity_type", ENTITY_TYPES),
      })),
      limit: queryOr(exchange, "limit", 50, wholeTo("limit", LIMITS.entityList)),
    }),
  },
);

const relate = writing(
  {
    method: "POST",
    path: "/entities/relations",
    tag,
    summary: "State a relation of two entities",
    description: "One of the same kind between the same two takes the new weight.",
    answer: [schemas.Relation, "The relation."],
  },
  {
    body: { schema: schemas.NewRelation },
    from: (_, value) => ({ op: "relate", item: checks.newRelation(value) }),
  },
  201,
);

const recall = reading(
  {
    method: "POST",
    path: "/entities/recall",
    tag,
    summary: "Find entities by what they are",
    description:
      "Best first, by likeness, ACT-R activation with what spreads among those found, and retrievability.",
    answer: [schemas.EntitiesFound, "What was found."],
  },
  {
    body: { schema: schemas.EntityRecall },
    from: (_, value) => ({ op: "recall_entities", recall: checks.entityRecall(value) }),
  },
);

const spread = reading(
  {
    method: "POST",
    path: "/entities/spread-activation",
    tag,
    summary: "Activate an entity and see what it reaches",
    description:
      "Each step passes half of an activation on, shared by the weights of the ties; an entity is reached along its strongest path.",
    answer: [schemas.Activation, "What was reached."],
  },
  {
    body: { schema: schemas.SpreadRequest },
    from: (_, value) => ({ op: "spread", ...checks.spread(value) }),
  },
);

const get = reading(
  {
    method: "GET",
    path: "/entities/:id",
    params,
    tag,
    summary: "Get an entity",
    query: [
      {
        name: "at",
        description: "What held at this time, RFC 3339; what holds now when absent.",
        schema: Type.String({ format: "date-time" }),
      },
    ],
    answer: [schemas.Entity, "It."],
  },
  {
    from: (exchange) => ({
      op: "entity",
      id: idOf(exchange),
      // a plus that nobody escaped comes as a space
      ...given(exchange, "at", (text) => ({ atMs: moment(text.replace(/ (?=\d\d:\d\d$)/, "+"), "at") })),
    }),
  },
);

const change = writing(
  {
    method: "PUT",
    path: "/entities/:id",
    params,
    tag,
    summary: "Correct an entity",
    description:
      "Any subset of its fields. The correction holds for the same time; for a new fact use supersede.",
    answer: [schemas.Entity, "As it is now."],
  },
  {
    body: { schema: schemas.EntityChange },
    from: (exchange, value) => ({
      op: "change_entity",
      id: idOf(exchange),
      change: checks.entityChange(value),
    }),
  },
);

const supersede = writing(
  {
    method: "POST",
    path: "/entities/:id/supersede",
    params,
    tag,
    summary: "Put a new fact in an entity's place",
    description: "Under the same id; the old one ends now and stays readable with `?at=`.",
    answer: [schemas.Entity, "The new fact."],
  },
  {
    body: { schema: schemas.NewEntity },
    from: (exchange, value) => ({ op: "supersede", id: idOf(exchange), item: checks.newEntity(value) }),
  },
);

const relations = reading(
  {
    method: "GET",
    path: "/entities/:id/relations",
    params,
    tag,
    summary: "List the relations of an entity, both ways",
    answer: [schemas.RelationList, "Relations."],
  },
  { from: (exchange) => ({ op: "relations", id: idOf(exchange) }) },
);

const feedback = writing(
  {
    method: "POST",
    path: "/entities/feedback",
    tag,
    summary: "Say what recalled entities were worth",
    description: "Ties among those that helped become stronger, among those that did not weaker.",
    answer: [schemas.EntityLesson, "What became of their ties."],
  },
  {
    body: { schema: schemas.EntityFeedback },
    from: (_, value) => ({ op: "entity_feedback", feedback: checks.entityFeedback(value) }),
  },
);

export const entityRoutes: readonly Route[] = [
  create,
  list,
  relate,
  recall,
  spread,
  feedback,
  get,
  change,
  supersede,
  relations,
  forgetting("entity", "/entities", tag),
];
