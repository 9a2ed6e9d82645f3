import { Type } from "@sinclair/typebox";
import { field } from "../../../atom/mod.ts";
import { LIMITS } from "../../../base/mod.ts";
import { checks, OUTCOMES, memorySchemas as schemas } from "../../../memory/mod.ts";
import type { Parameter, Route } from "../../route.ts";
import { forgetting, given, idOf, queryOr, reading, wholeTo, writing } from "./shared.ts";

const tag = "episodes";
const params = { id: "Id of the episode." };

const create = writing(
  {
    method: "POST",
    path: "/episodes",
    tag,
    summary: "Remember an episode",
    answer: [schemas.Episode, "It."],
  },
  {
    body: { schema: schemas.NewEpisode },
    from: (_, value) => ({ op: "create_episode", item: checks.newEpisode(value) }),
  },
  201,
);

const LIST: readonly Parameter[] = [
  {
    name: "page",
    description: "From 1.",
    schema: Type.Integer({ minimum: 1, maximum: LIMITS.episodePages }),
  },
  {
    name: "page_size",
    description: `${LIMITS.episodePageDefault} when absent.`,
    schema: Type.Integer({ minimum: 1, maximum: LIMITS.episodePage }),
  },
  { name: "project", description: "Only of this project.", schema: Type.String() },
  { name: "outcome", description: "Only with this outcome.", schema: Type.String({ enum: [...OUTCOMES] }) },
];

const list = reading(
  {
    method: "GET",
    path: "/episodes",
    tag,
    summary: "List episodes, newest first",
    description: `A page of more than ${LIMITS.memoryAnswerBytes} bytes is refused: ask with a smaller page_size.`,
    query: LIST,
    answer: [schemas.EpisodeList, "A page."],
  },
  {
    from: (exchange) => ({
      op: "episodes",
      page: queryOr(exchange, "page", 1, wholeTo("page", LIMITS.episodePages)),
      pageSize: queryOr(
        exchange,
        "page_size",
        LIMITS.episodePageDefault,
        wholeTo("page_size", LIMITS.episodePage),
      ),
      ...given(exchange, "project", (project) => (project === "" ? {} : { project })),
      ...given(exchange, "outcome", (word) => ({
        outcome: field.oneOfWords(word, "outcome", OUTCOMES),
      })),
    }),
  },
);

const recall = reading(
  {
    method: "POST",
    path: "/episodes/recall",
    tag,
    summary: "Find episodes by what they say",
    description:
      "Best first, by likeness, retrievability, outcome and importance with the configured weights. The similarity that " +
      "`min_similarity` is compared with is the larger of the calibrated cosine and the share of the query's words found.",
    answer: [schemas.EpisodesFound, "What was found."],
  },
  {
    body: { schema: schemas.EpisodeRecall },
    from: (_, value) => ({ op: "recall_episodes", recall: checks.episodeRecall(value) }),
  },
);

const get = reading(
  {
    method: "GET",
    path: "/episodes/:id",
    params,
    tag,
    summary: "Get an episode",
    answer: [schemas.Episode, "It."],
  },
  { from: (exchange) => ({ op: "episode", id: idOf(exchange) }) },
);

const change = writing(
  {
    method: "PUT",
    path: "/episodes/:id",
    params,
    tag,
    summary: "Change an episode",
    description: "Any subset of its fields; what it said before stays in the log until it is forgotten.",
    answer: [schemas.Episode, "As it is now."],
  },
  {
    body: { schema: schemas.EpisodeChange },
    from: (exchange, value) => ({
      op: "change_episode",
      id: idOf(exchange),
      change: checks.episodeChange(value),
    }),
  },
);

const markImportant = writing(
  {
    method: "POST",
    path: "/episodes/:id/mark-important",
    params,
    tag,
    summary: "Say how important an episode is",
    query: [
      {
        name: "importance",
        description: "1 when absent.",
        schema: Type.Number({ minimum: 0, maximum: 1 }),
      },
    ],
    answer: [schemas.Episode, "As it is now."],
  },
  {
    from: (exchange) => {
      const emotionalValence = queryOr(exchange, "importance", 1, (text) =>
        field.share(/^[\d.]+(e[+-]?\d+)?$/i.test(text) ? Number(text) : text, "importance"),
      );
      return { op: "change_episode", id: idOf(exchange), change: { emotionalValence } };
    },
  },
);

const feedback = writing(
  {
    method: "POST",
    path: "/episodes/feedback",
    tag,
    summary: "Say what recalled episodes were worth",
    description:
      "Those that helped are reviewed: they last longer and rank higher; those that did not lose a little. What helped " +
      "together is tied together.",
    answer: [schemas.EpisodeLesson, "What was learnt."],
  },
  {
    body: { schema: schemas.EpisodeFeedback },
    from: (_, value) => ({ op: "episode_feedback", feedback: checks.episodeFeedback(value) }),
  },
);

const stats = reading(
  {
    method: "GET",
    path: "/episodes/learning-stats",
    tag,
    summary: "Sum up what was learnt from feedback",
    answer: [schemas.LearningStats, "Since the session's first feedback."],
  },
  { from: () => ({ op: "learning_stats" }) },
);

export const episodeRoutes: readonly Route[] = [
  create,
  list,
  recall,
  feedback,
  stats,
  get,
  change,
  markImportant,
  forgetting("episode", "/episodes", tag),
];
