import { describe, expect, test } from "bun:test";
import { encodeMsgpack } from "../../src/atom/mod.ts";
import { ATOM, fixture, ID, JSON_TYPE, MSGPACK_TYPE } from "./support.ts";

type Bad = [what: string, raw: Bun.BodyInit, type?: string, status?: number, code?: string];

const json = (value: unknown) => JSON.stringify(value);
const bytes = (...values: number[]) => new Uint8Array(values);
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

/** Bad for every POST route. */
const ANYWHERE: Bad[] = [
  ["nothing", ""],
  ["white space", "  "],
  ["truncated JSON", '{"world": "w", '],
  ["two values", '{"world":"w"} {}'],
  ["single quotes", "{'world':'w'}"],
  ["a trailing comma", '{"world":"w",}'],
  ["a comment", '{"world":"w"/**/}'],
  ["NaN", '{"world":NaN}'],
  ["bad UTF-8", bytes(0x22, 0xc3, 0x28, 0x22)],
  ["UTF-16", bytes(0xff, 0xfe, 0x7b, 0x00)],
  ["a byte order mark", bytes(0xef, 0xbb, 0xbf, 0x7b, 0x7d)],
  ["a lone surrogate", '{"world":"\\ud800"}'],
  ["nesting of 65", nested(65)],
  ["nesting of 100,000", nested(100_000)],
  ["an array", "[]"],
  ["a number", "5"],
  ["null", "null"],
  ["a string", '"w"'],
  ["__proto__", '{"__proto__":{"world":"w"}}'],
  ["JSON said to be MessagePack", json(ATOM), MSGPACK_TYPE],
  ["truncated MessagePack", encodeMsgpack(ATOM).subarray(0, -3), MSGPACK_TYPE],
  ["MessagePack with more after it", bytes(0x80, 0x00), MSGPACK_TYPE],
  ["a MessagePack array header of 50 million", bytes(0xdd, 0x02, 0xfa, 0xf0, 0x80), MSGPACK_TYPE],
  ["MessagePack said to be JSON", encodeMsgpack(ATOM)],
  ["another media type", json(ATOM), "text/plain", 415, "unsupported_media_type"],
  ["more than the limit", `"${"x".repeat(2 * 1024 * 1024)}"`, JSON_TYPE, 413, "payload_too_large"],
];

const atom = (change: object): string => json({ ...ATOM, ...change });

const BY_ROUTE: Record<string, Bad[]> = {
  "/remember": [
    ["an unknown field", atom({ colour: "red" })],
    ["no world", json({ worker: "me", kind: "plan", payload_json: "{}" })],
    ["a world of the wrong type", atom({ world: 5 })],
    ["an empty world", atom({ world: "" })],
    ["a world that is too long", atom({ world: "w".repeat(257) })],
    ["a reserved world", atom({ world: "~ww:x" })],
    ["a control character", atom({ world: "a\u0007b" })],
    ["an unknown kind", atom({ kind: "dream" })],
    ["importance over 1", atom({ importance: 1.01 })],
    ["importance as a string", atom({ importance: "0.5" })],
    [
      "an infinite importance",
      '{"world":"w","worker":"m","kind":"plan","payload_json":"","importance":1e999}',
    ],
    ["NaN in MessagePack", encodeMsgpack({ ...ATOM, importance: Number.NaN }), MSGPACK_TYPE],
    ["an empty vector", atom({ vector: [] })],
    ["a vector with null", atom({ vector: [1, null] })],
    ["65 labels", atom({ labels: Array.from({ length: 65 }, () => "x") })],
    ["a link of an unknown kind", atom({ links: [{ target: ID, kind: "likes" }] })],
    ["a time that is none", atom({ timestamp: "yesterday" })],
    ["a time far ahead", atom({ timestamp: "2999-01-01T00:00:00Z" })],
    ["an id that is no UUID", atom({ id: "atom-1" })],
    ["a payload that is not text", atom({ payload_json: { a: 1 } })],
    [
      "a payload over 256 KiB",
      atom({ payload_json: "x".repeat(256 * 1024 + 1) }),
      JSON_TYPE,
      413,
      "payload_too_large",
    ],
  ],
  "/remember/batch": [
    ["no atoms", "{}"],
    ["atoms of the wrong type", json({ atoms: "many" })],
    ["null atoms", json({ atoms: null })],
    ["an unknown field", json({ atoms: [], more: true })],
    ["1,001 atoms", json({ atoms: Array.from({ length: 1001 }, () => 0) })],
  ],
  "/ask": [
    ["no text", json({ world: "w" })],
    ["no world", json({ text: "x" })],
    ["a limit over 100", json({ world: "w", text: "", limit: 101 })],
    ["a limit of 0", json({ world: "w", text: "", limit: 0 })],
    ["a broken limit", json({ world: "w", text: "", limit: 1.5 })],
    ["explain as a string", json({ world: "w", text: "", explain: "yes" })],
    ["an unknown field of the filter", json({ world: "w", text: "", filter: { color: "x" } })],
    ["another world in the filter", json({ world: "w", text: "", filter: { world: "v" } })],
    ["a time that is none", json({ world: "w", text: "", filter: { since: "2h" } })],
    ["a text that is too long", json({ world: "w", text: "x".repeat(70_000) })],
  ],
  "/replay": [
    ["no world", "{}"],
    ["a cursor of the wrong type", json({ world: "w", after: 5 })],
    ["a filter of the wrong type", json({ world: "w", filter: [] })],
    ["an unknown field", json({ world: "w", before: "x" })],
  ],
  "/worlds/manage": [
    ["no action", json({ world: "w" })],
    ["an unknown action", json({ world: "w", action: "burn" })],
    ["a reserved world", json({ world: "~w", action: "create" })],
    ["labels of the wrong type", json({ world: "w", action: "create", labels: "a,b" })],
  ],
  "/worlds/policy": [
    ["nothing set", json({ world: "w" })],
    ["only nulls", json({ world: "w", retention_days: null })],
    ["negative days", json({ world: "w", retention_days: -1 })],
    ["importance over 1", json({ world: "w", min_importance: 2 })],
    ["broken bytes", json({ world: "w", max_bytes: 0.5 })],
  ],
};

describe.each(Object.keys(BY_ROUTE))("POST %s refuses", (path) => {
  const rows = [...ANYWHERE, ...BY_ROUTE[path]!].map((bad) => ({ what: bad[0], bad }));
  test.each(rows)(
    "$what",
    async ({ bad: [, raw, type = JSON_TYPE, status = 400, code = "invalid_input"] }) => {
      const f = fixture();
      const answer = await f.send("POST", path, { raw, headers: { "Content-Type": type } });
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect(answer.body.error.length).toBeGreaterThan(10);
      expect(f.engine.calls).toEqual([]);
    },
  );
});

test.each([
  "?durability=maybe",
  "?durability=",
  "?durabilty=relaxed",
  "?durability=relaxed&durability=relaxed",
])("POST /remember%s is refused", async (query) => {
  const f = fixture();
  for (const path of ["/remember", "/remember/batch"]) {
    const sent = path === "/remember" ? ATOM : { atoms: [ATOM] };
    const { status, body } = await f.send("POST", path + query, { json: sent });
    expect([status, body.code]).toEqual([400, "invalid_input"]);
  }
  expect(f.engine.calls).toEqual([]);
});

test("at most four large bodies are read at once; a fifth is refused unread, small ones go on", async () => {
  const f = fixture();
  const ends: (() => void)[] = [];
  const large = () => {
    const body = new ReadableStream<Uint8Array>({
      start(out) {
        out.enqueue(new Uint8Array(200_000).fill(0x20));
        ends.push(() => {
          out.enqueue(new TextEncoder().encode(json(ATOM)));
          out.close();
        });
      },
    });
    return f.send("POST", "/remember", { raw: body, headers: { "Content-Type": JSON_TYPE } });
  };
  const admitted = [large(), large(), large(), large()];
  await Bun.sleep(5);
  const announced = await f.send("POST", "/remember", {
    json: ATOM,
    headers: { "Content-Length": "200000" },
  });
  expect([announced.status, announced.body.code, announced.headers.get("retry-after")]).toEqual([
    503,
    "overloaded",
    "1",
  ]);
  expect((await f.send("POST", "/remember", { json: ATOM })).status).toBe(200);
  for (const end of ends) end();
  expect((await Promise.all(admitted)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const later = large();
  ends.at(-1)!();
  expect((await later).status).toBe(200);
});

test("a chunked body is refused as soon as it is over the limit", async () => {
  const f = fixture({ bodyBytes: 1000 });
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(out) {
      pulled++;
      out.enqueue(new Uint8Array(1024 * 1024).fill(0x20));
    },
  });
  const { status, headers } = await f.send("POST", "/remember", {
    raw: endless,
    headers: { "Content-Type": JSON_TYPE },
  });
  expect([status, headers.get("connection")]).toEqual([413, "close"]);
  expect(pulled).toBeLessThan(12);
});
