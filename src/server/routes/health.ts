import { HealthBodySchema } from "../../atom/mod.ts";
import type { Route } from "../route.ts";

/** Kept apart from all else: it answers under full load, while the threads start, and whatever they do. */
const healthz: Route = {
  method: "GET",
  path: "/healthz",
  tag: "health",
  access: "exempt",
  quiet: true,
  summary: "Whether the process answers",
  answer: { status: 200, description: "It does." },
  run: (exchange) => exchange.answer(200, "", exchange.headers()),
};

const health: Route = {
  method: "GET",
  path: "/health",
  tag: "health",
  access: "exempt",
  summary: "How the node is",
  answer: { status: 200, description: "Ready or degraded, and why.", schema: HealthBodySchema },
  faults: ["overloaded", "internal_error"],
  run: (exchange) => exchange.value(200, exchange.engine().health()),
};

const readyz: Route = {
  method: "GET",
  path: "/readyz",
  tag: "health",
  access: "exempt",
  summary: "Whether the node should get requests",
  description: "The body of /health; 503 when storage is unavailable or the disk is too full.",
  answer: { status: 200, description: "It should.", schema: HealthBodySchema },
  faults: ["overloaded", "internal_error"],
  unready: { status: 503, description: "Not now: the body says why.", schema: HealthBodySchema },
  run(exchange) {
    const engine = exchange.engine();
    return exchange.value(engine.ready() ? 200 : 503, engine.health());
  },
};

export const healthRoutes: readonly Route[] = [healthz, health, readyz];
