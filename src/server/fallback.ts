import { Fault } from "../base/mod.ts";
import type { Exchange } from "./exchange.ts";
import { pathOf } from "./path.ts";
import type { Route } from "./route.ts";

/**
 * What answers every request that no route of the table takes: OPTIONS, 405 for a known path, 404 for all others.
 * Its pattern is what the log and the metrics call it.
 */
export function fallbackRoute(routes: readonly Route[]): Route {
  const allowed = allowByPath(routes);
  return {
    method: "GET",
    path: "/*",
    tag: "fallback",
    access: "exempt",
    always: true,
    summary: "What no route answers",
    answer: { status: 204, description: "To OPTIONS." },
    run(exchange) {
      const { request } = exchange;
      const pathname = pathOf(request.url);
      const allow = allowed.find(({ pattern }) => pattern.test(pathname))?.allow;
      if (allow === undefined) {
        throw new Fault("not_found", `there is no route ${request.method} ${pathname}; /docs lists them all`);
      }
      exchange.setHeader("Allow", allow);
      if (request.method === "OPTIONS") return preflight(exchange, allow);
      throw new Fault("method_not_allowed", `${pathname} does not take ${request.method}; it takes ${allow}`);
    },
  };
}

function preflight(exchange: Exchange, allow: string): Response {
  const headers = exchange.headers();
  exchange.shared.cors.preflight(exchange.request, headers, allow);
  return exchange.answer(204, null, headers);
}

/** The Allow header of each path. */
function allowByPath(routes: readonly Route[]): { pattern: RegExp; allow: string }[] {
  const byPath = Map.groupBy(routes, (route) => route.path);
  return [...byPath].map(([path, held]) => ({
    pattern: new RegExp(
      `^${path
        .replace(/[.]/g, "\\.")
        .replace(/:\w+\+$/, ".+")
        .replace(/:\w+/g, "[^/]+")}$`,
    ),
    allow: [...held.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method])), "OPTIONS"].join(
      ", ",
    ),
  }));
}
