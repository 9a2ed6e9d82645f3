import { openApiDocument } from "./openapi.ts";
import { renderPage } from "./page.ts";
import type { Route } from "./route.ts";

/** A text that stays as it is; compressing it takes milliseconds, so it is done once. */
export class FixedText {
  private gzip: Uint8Array<ArrayBuffer> | undefined;

  constructor(readonly plain: string) {}

  get zipped(): Uint8Array<ArrayBuffer> {
    this.gzip ??= Bun.gzipSync(this.plain);
    return this.gzip;
  }
}

/** The documents of an API, made when they are first asked for. */
export interface Documents {
  /** JSON of the OpenAPI document. */
  openapi(): FixedText;
  page(): { html: FixedText; policy: string };
}

/** @param open whether requests without a key are let in. */
export function createDocuments(routes: readonly Route[], version: string, open: boolean): Documents {
  const once = <T>(make: () => T): (() => T) => {
    let made: T | undefined;
    return () => (made ??= make());
  };
  return {
    openapi: once(() => new FixedText(JSON.stringify(openApiDocument(routes, version, open)))),
    page: once(() => {
      const { html, policy } = renderPage(openApiDocument(routes, version, open));
      return { html: new FixedText(html), policy };
    }),
  };
}
