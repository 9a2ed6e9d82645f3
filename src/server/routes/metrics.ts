import { guarded, type Route } from "../route.ts";

const metrics = guarded<undefined>({
  method: "GET",
  path: "/metrics",
  tag: "health",
  access: "metrics",
  summary: "Metrics for Prometheus",
  answer: { status: 200, description: "Prometheus text.", types: ["text/plain"] },
  async run({ exchange }) {
    const { metrics: all } = exchange.shared;
    return exchange.answer(200, await all.metricsText(), exchange.headers(all.contentType));
  },
});

export const metricsRoutes: readonly Route[] = [metrics];
