import type { Route } from "../route.ts";
import { askRoutes } from "./ask.ts";
import { atomRoutes } from "./atoms.ts";
import { controlRoutes } from "./control.ts";
import { docsRoutes } from "./docs.ts";
import { healthRoutes } from "./health.ts";
import { indexRoutes } from "./index-status.ts";
import { keyRoutes } from "./keys.ts";
import { entityRoutes } from "./memory/entities.ts";
import { episodeRoutes } from "./memory/episodes.ts";
import { skillRoutes } from "./memory/skills.ts";
import { systemRoutes } from "./memory/system.ts";
import { metricsRoutes } from "./metrics.ts";
import { rememberRoutes } from "./remember.ts";
import { replayRoutes } from "./replay.ts";
import { worldRoutes } from "./worlds.ts";

/** Every route of the node: the server, the OpenAPI document and its page are made from this table. */
export const ROUTES: readonly Route[] = [
  ...rememberRoutes,
  ...askRoutes,
  ...replayRoutes,
  ...atomRoutes,
  ...worldRoutes,
  ...indexRoutes,
  ...keyRoutes,
  ...healthRoutes,
  ...metricsRoutes,
  ...controlRoutes,
  ...docsRoutes,
  ...systemRoutes,
  ...episodeRoutes,
  ...entityRoutes,
  ...skillRoutes,
];
