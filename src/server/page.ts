import { createHash } from "node:crypto";
import type { Content, OpenApi, Operation } from "./openapi.ts";

export interface Page {
  html: string;
  /** Its Content-Security-Policy: nothing but its own style. */
  policy: string;
}

const STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 small { font-weight: normal; font-size: 1rem; opacity: .7; }
details { border: 1px solid #8886; border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4.5rem; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .6rem; background: #8882; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-top: 1px solid #8884; }
td { white-space: pre-line; }
nav a { margin-right: 1rem; }
`;

/** The OpenAPI document as one HTML page that loads nothing and runs no script. */
export function renderPage(document: OpenApi): Page {
  const { info, tags, paths, components } = document;
  const sections = tags.map(({ name }) => {
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, operation]) => operation.tags.includes(name))
        .map(([method, operation]) => operationOf(method, path, operation)),
    );
    return `<h2 id="tag-${Bun.escapeHTML(name)}">${Bun.escapeHTML(name)}</h2>${operations.join("")}`;
  });
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<details id="schema-${Bun.escapeHTML(name)}"><summary><code>${Bun.escapeHTML(name)}</code></summary>${jsonOf(schema)}</details>`,
  );
  const links = [...tags.map(({ name }) => [`#tag-${name}`, name]), ["#schemas", "schemas"]];
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${Bun.escapeHTML(info.title)}</title><style>${STYLE}</style></head><body>
<h1>${Bun.escapeHTML(info.title)} <small>${Bun.escapeHTML(info.version)}</small></h1>
<p>${text(info.description)} The same as a document: <a href="/openapi.json">/openapi.json</a>.</p>
<nav>${links.map(([to, name]) => `<a href="${Bun.escapeHTML(to!)}">${Bun.escapeHTML(name!)}</a>`).join("")}</nav>
${sections.join("\n")}
<h2 id="schemas">schemas</h2>${schemas.join("")}
</body></html>
`;
  const hash = createHash("sha256").update(STYLE).digest("base64");
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  return { html, policy };
}

function operationOf(method: string, path: string, operation: Operation): string {
  const { summary, description, parameters, requestBody, responses } = operation;
  const asked = (parameters ?? []).map((parameter) => [
    `<code>${Bun.escapeHTML(parameter.name)}</code>`,
    Bun.escapeHTML(parameter.in),
    text(parameter.description),
  ]);
  const answered = Object.entries(responses).map(([status, response]) => [
    Bun.escapeHTML(status),
    text(response.description),
    response.content ? contentOf(response.content) : "",
  ]);
  return `<details id="${Bun.escapeHTML(operation.operationId)}"><summary><b>${Bun.escapeHTML(method.toUpperCase())}</b> <code>${Bun.escapeHTML(path)}</code> ${text(summary)}</summary>
${description === undefined ? "" : `<p>${text(description)}</p>`}
${asked.length > 0 ? tableOf(["parameter", "in", "meaning"], asked) : ""}
${requestBody ? `<p>Body: ${contentOf(requestBody.content)}</p>` : ""}
${tableOf(["status", "meaning", "body"], answered)}
</details>`;
}

/** Media types with their schemas, those with the same one together. */
function contentOf(content: Content): string {
  const bySchema = Map.groupBy(Object.entries(content), ([, { schema }]) => JSON.stringify(schema));
  return [...bySchema.values()]
    .map(
      (entries) =>
        `${entries.map(([type]) => `<code>${Bun.escapeHTML(type)}</code>`).join(", ")}: ${schemaOf(entries[0]![1].schema)}`,
    )
    .join("; ");
}

function schemaOf(schema: unknown): string {
  return linked(JSON.stringify(schema));
}

function jsonOf(schema: unknown): string {
  return `<pre>${linked(JSON.stringify(schema, null, 2))}</pre>`;
}

/** JSON in which a reference is a link. */
function linked(json: string): string {
  return `<code>${Bun.escapeHTML(json).replace(
    /\{\s*&quot;\$ref&quot;:\s*&quot;#\/components\/schemas\/(\w+)&quot;\s*\}/g,
    '<a href="#schema-$1">$1</a>',
  )}</code>`;
}

function tableOf(heads: readonly string[], rows: readonly string[][]): string {
  const head = heads.map((name) => `<th>${Bun.escapeHTML(name)}</th>`).join("");
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("");
  return `<table><tr>${head}</tr>${body}</table>`;
}

/** Prose in which \`backquotes\` mark code. */
function text(prose: string): string {
  return Bun.escapeHTML(prose).replace(/`([^`]+)`/g, "<code>$1</code>");
}
