import { openApiDocument } from "./openapi.ts";
import { type Page, renderPage } from "./page.ts";
import type { Route } from "./route.ts";

/** The documents of an API, made when they are first asked for. */
export interface Documents {
  /** JSON of the OpenAPI document. */
  openapi(): string;
  page(): Page;
}

/** @param open whether requests without a key are let in. */
export function createDocuments(routes: readonly Route[], version: string, open: boolean): Documents {
  let text: string | undefined;
  let page: Page | undefined;
  return {
    openapi: () => (text ??= JSON.stringify(openApiDocument(routes, version, open))),
    page: () => (page ??= renderPage(openApiDocument(routes, version, open))),
  };
}
