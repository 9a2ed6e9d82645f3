import { guarded, type Route } from "../route.ts";

const metrics = guarded<undefined>({
  method: "GET",
  path: "/metrics",
  tag: "health",
  access: "metrics",
  summary: "Metrics for Prometheus",
  answer: { status: 200, description: "Prometheus text.", types: ["text/plain"] },
  async run({ exchange, caller }) {
    const { metrics: all } = exchange.shared;
    // trust is told by names of workers, which those bound to some worlds may not learn of others
    const bound = !caller.admin && caller.readWorlds.length > 0;
    const text = await all.metricsText();
    return exchange.text(bound ? text.replace(/^dwbase_trust_score\{.*\n/gm, "") : text, all.contentType);
  },
});

export const metricsRoutes: readonly Route[] = [metrics];
