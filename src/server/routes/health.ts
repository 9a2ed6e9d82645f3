import { HealthBodySchema } from "../../atom/mod.ts";
import type { Route } from "../route.ts";

/** Kept apart from all else: it answers under full load, while the threads start, and whatever they do. */
const healthz: Route = {
  method: "GET",
  path: "/healthz",
  tag: "health",
  access: "exempt",
  always: true,
  summary: "Whether the process answers",
  answer: { status: 200, description: "It does." },
  run: (exchange) => exchange.answer(200, "", exchange.headers()),
};

const health: Route = {
  method: "GET",
  path: "/health",
  tag: "health",
  access: "exempt",
  always: true,
  summary: "How the node is",
  answer: { status: 200, description: "Ready or degraded, and why.", schema: HealthBodySchema },
  faults: ["internal_error"],
  run: (exchange) => exchange.value(200, exchange.shared.health.body()),
};

const readyz: Route = {
  method: "GET",
  path: "/readyz",
  tag: "health",
  access: "exempt",
  always: true,
  summary: "Whether the node should get requests",
  description:
    "The body of /health; 503 while the node starts or takes no requests, and when storage is unavailable, the disk is too full " +
    "or, with DWBASE_READY_REQUIRE_INDEX=1, an index lags.",
  answer: { status: 200, description: "It should.", schema: HealthBodySchema },
  faults: ["internal_error"],
  unready: { status: 503, description: "Not now: the body says why.", schema: HealthBodySchema },
  run(exchange) {
    const { health } = exchange.shared;
    return exchange.value(health.ready() ? 200 : 503, health.body());
  },
};

export const healthRoutes: readonly Route[] = [healthz, health, readyz];
