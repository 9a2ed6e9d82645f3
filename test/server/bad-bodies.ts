/** Bodies that every POST route, or one, must refuse; for the tests of the face and of the executable. */
import { encodeMsgpack } from "../../src/atom/mod.ts";
import { ATOM, ID, JSON_TYPE, MSGPACK_TYPE } from "./support.ts";

/** What is wrong, the body, and where it is not JSON, 400 and invalid_input: its type, status and code. */
export type Bad = [what: string, raw: Bun.BodyInit, type?: string, status?: number, code?: string];

const json = (value: unknown) => JSON.stringify(value);
const bytes = (...values: number[]) => new Uint8Array(values);
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

/** Bad for every POST route. */
export const ANYWHERE: Bad[] = [
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

export const BY_ROUTE: Record<string, Bad[]> = {
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
