import { Type } from "@sinclair/typebox";
import { JSON_TYPE } from "../negotiate.ts";
import type { Route } from "../route.ts";

const RootSchema = Type.Object({
  name: Type.Literal("dwbase"),
  version: Type.String(),
  links: Type.Record(Type.String(), Type.String()),
});

const root: Route = {
  method: "GET",
  path: "/",
  tag: "documentation",
  access: "exempt",
  summary: "What this is",
  answer: { status: 200, description: "Name, version and links.", schema: RootSchema },
  run: (exchange) =>
    exchange.value(200, {
      name: "dwbase",
      version: exchange.shared.version,
      links: {
        docs: "/docs",
        openapi: "/openapi.json",
        health: "/health",
        metrics: "/metrics",
        api: "/api/v1/health",
      },
    }),
};

const openapi: Route = {
  method: "GET",
  path: "/openapi.json",
  tag: "documentation",
  access: "exempt",
  summary: "This document",
  answer: { status: 200, description: "OpenAPI 3.1.", schema: Type.Object({}), types: [JSON_TYPE] },
  run: (exchange) => exchange.text(exchange.shared.documents.openapi(), JSON_TYPE),
};

const docs: Route = {
  method: "GET",
  path: "/docs",
  tag: "documentation",
  access: "exempt",
  summary: "This document for people",
  description: "One page that loads nothing from elsewhere and needs no script.",
  answer: { status: 200, description: "A page.", types: ["text/html"] },
  run(exchange) {
    const { html, policy } = exchange.shared.documents.page();
    exchange.setHeader("Content-Security-Policy", policy);
    exchange.setHeader("X-Content-Type-Options", "nosniff");
    return exchange.text(html, "text/html; charset=utf-8");
  },
};

const redoc: Route = {
  method: "GET",
  path: "/redoc",
  tag: "documentation",
  access: "exempt",
  summary: "The former place of /docs",
  answer: { status: 302, description: "To /docs.", headers: { Location: "/docs" } },
  run(exchange) {
    exchange.setHeader("Location", "/docs");
    return exchange.answer(302, null, exchange.headers());
  },
};

export const docsRoutes: readonly Route[] = [root, openapi, docs, redoc];
