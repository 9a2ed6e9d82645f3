import type { Format, Want } from "../engine/mod.ts";

export const JSON_TYPE = "application/json";
export const MSGPACK_TYPE = "application/msgpack";
/** What HTML forms and curl -d send. */
export const FORM_TYPE = "application/x-www-form-urlencoded";
export const NDJSON_TYPE = "application/x-ndjson";

export const CONTENT_TYPE_OF: Record<Format, string> = { json: JSON_TYPE, msgpack: MSGPACK_TYPE };

/** The four possible wishes, shared by all requests. */
const WANTS = {
  json: { plain: { format: "json", gzip: false }, gzip: { format: "json", gzip: true } },
  msgpack: { plain: { format: "msgpack", gzip: false }, gzip: { format: "msgpack", gzip: true } },
} as const satisfies Record<Format, Record<string, Want>>;

/** How the caller wants the answer. An Accept that cannot be met gets JSON. */
export function wantOf(headers: Headers): Want {
  const of = WANTS[prefersMsgpack(headers.get("accept")) ? "msgpack" : "json"];
  return takesGzip(headers.get("accept-encoding")) ? of.gzip : of.plain;
}

function prefersMsgpack(accept: string | null): boolean {
  if (accept === null || !/msgpack/i.test(accept)) return false;
  const msgpack = quality(accept, MSGPACK_TYPE);
  return msgpack > 0 && msgpack >= quality(accept, JSON_TYPE);
}

function takesGzip(accept: string | null): boolean {
  return accept !== null && /gzip/i.test(accept) && quality(accept, "gzip") > 0;
}

/** The q-value that a list such as "a;q=0.5, b" gives to `name`; 0 when it is not listed. */
function quality(list: string, name: string): number {
  for (const entry of list.toLowerCase().split(",")) {
    const [token, ...parameters] = entry.split(";");
    if (token!.trim() !== name) continue;
    const q = parameters.map((p) => p.trim()).find((p) => p.startsWith("q="));
    if (q === undefined) return 1;
    const value = Number(q.slice(2));
    return Number.isFinite(value) ? value : 0;
  }
  return 0;
}

/** The media type of a Content-Type without parameters; undefined when absent or in another charset than UTF-8. */
export function mediaType(contentType: string | null): string | undefined {
  if (contentType === null || contentType === JSON_TYPE) return contentType ?? undefined;
  const [type, ...parameters] = contentType.toLowerCase().split(";");
  for (const parameter of parameters) {
    const [name, value = ""] = parameter.split("=");
    if (name!.trim() === "charset" && !/^\s*"?utf-?8"?\s*$/.test(value)) return undefined;
  }
  return type!.trim();
}
