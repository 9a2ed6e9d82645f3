import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { OpenApi } from "../../src/server/openapi.ts";
import { documentedPath, openApiDocument } from "../../src/server/openapi.ts";
import type { GuardedRoute } from "../../src/server/route.ts";
import { ROUTES } from "../../src/server/routes/table.ts";
import { ACCESS, EXEMPT } from "./access.ts";
import { filled, fixture } from "./support.ts";

async function document(): Promise<OpenApi> {
  return (await fixture().send("GET", "/openapi.json")).body;
}

test("the document is OpenAPI 3.1 and has every route", async () => {
  const made = await document();
  expect(made.openapi).toBe("3.1.0");
  expect(made.info).toMatchObject({ title: "dwbase", version: "1.2.3" });
  const listed = Object.entries(made.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const table = ROUTES.map((route) => `${route.method} ${documentedPath(route.path)}`);
  expect(listed.toSorted()).toEqual(table.toSorted());
});

test("every reference leads somewhere, and every named schema is used", async () => {
  const made = await document();
  const text = JSON.stringify(made);
  const referred = new Set(
    [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]!),
  );
  expect([...referred].toSorted()).toEqual(Object.keys(made.components.schemas).toSorted());
});

describe.each(ROUTES.map((route) => [route.method, route.path] as const))("%s %s", (method, path) => {
  test("is described whole", async () => {
    const made = await document();
    const operation = made.paths[documentedPath(path)]![method.toLowerCase()]!;
    expect(operation.summary).not.toBe("");
    expect(operation.operationId).toMatch(/^[a-z][A-Za-z]*$/);
    for (const [status, response] of Object.entries(operation.responses)) {
      expect(status).toMatch(/^[2345]\d\d$/);
      expect(response.description).not.toMatch(/undefined|^$/);
      expect(response.headers["X-Request-Id"]).toBeDefined();
      if (Number(status) >= 400) expect(Object.keys(response.content!)).toContain("application/json");
      for (const { schema } of Object.values(response.content ?? {})) expect(schema).toBeDefined();
    }
    const { body } = ROUTES.find((each) => each.method === method && each.path === path) as GuardedRoute;
    expect(operation.requestBody !== undefined).toBe(body !== undefined);
    const placeholders = [...path.matchAll(/:(\w+)/g)].map((match) => match[1]);
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
    expect(inPath.map((parameter) => parameter.name)).toEqual(placeholders as string[]);
  });
});

test("operation ids are unique", () => {
  const { paths } = openApiDocument(ROUTES, "1", false);
  const ids = Object.values(paths).flatMap((methods) =>
    Object.values(methods).map((each) => each.operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});

describe.each([
  ["a node that needs keys", false],
  ["an open node", true],
])("the security sections of %s", (_what, open) => {
  const { paths, components } = openApiDocument(ROUTES, "1", open);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, { security }]) => [`${method.toUpperCase()} ${path}`, security] as const,
    ),
  );
  /** The table of routes and capabilities, by names as the document writes them. */
  const table = new Map(
    Object.entries(ACCESS).map(([name, { capability }]) => [documentedPath(name), capability]),
  );

  test("are those of the table, route by route: a route without an entry fails", () => {
    const expected = [
      ...EXEMPT.map((name) => [name, []] as const),
      ...[...table].map(([name, capability]) => {
        const keys = [{ bearer: [capability] }, { apiKey: [capability] }, { adminKey: [capability] }];
        return [name, open && capability !== "admin" ? [...keys, {}] : keys] as const;
      }),
    ];
    expect(Object.fromEntries(operations)).toEqual(Object.fromEntries(expected));
  });

  test("name schemes that are described", () => {
    const named = new Set(operations.flatMap(([, security]) => security.flatMap((one) => Object.keys(one))));
    expect([...named].sort()).toEqual(Object.keys(components.securitySchemes).sort());
  });
});

test("what the document says of a request without a key is what the node does", async () => {
  for (const open of [true, false]) {
    const at = fixture({ auth: { allowAnonymous: open ? "loopback" : "never" } });
    const { paths } = (await at.send("GET", "/openapi.json")).body as OpenApi;
    for (const { method, path } of ROUTES) {
      const { security } = paths[documentedPath(path)]![method.toLowerCase()]!;
      const free = security.length === 0 || security.some((one) => Object.keys(one).length === 0);
      const { body } = ACCESS[`${method} ${path}`] ?? {};
      const { status } = await at.send(method, filled(path), body === undefined ? {} : { json: body });
      expect([method, path, status === 401]).toEqual([method, path, !free]);
    }
  }
});

test("the page shows every route and loads nothing", async () => {
  const { body, headers } = await fixture().send("GET", "/docs");
  for (const { path } of ROUTES) expect(body).toContain(`<code>${documentedPath(path)}</code>`);
  expect(body).not.toMatch(/<script|<link|<img|<iframe|src=|@import|url\(|https?:\/\//);
  const style = /<style>([\s\S]*)<\/style>/.exec(body)![1]!;
  const hash = createHash("sha256").update(style).digest("base64");
  expect(headers.get("content-security-policy")).toStartWith(
    `default-src 'none'; style-src 'sha256-${hash}'`,
  );
  for (const [, target] of body.matchAll(/href="#([^"]+)"/g)) expect(body).toContain(`id="${target}"`);
});

test("/redoc leads to the page", async () => {
  const { status, headers } = await fixture().send("GET", "/redoc");
  expect([status, headers.get("location")]).toEqual([302, "/docs"]);
});
