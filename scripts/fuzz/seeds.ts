import { encodeMsgpack } from "../../src/atom/mod.ts";
import { encodeUtf8 } from "../../src/base/mod.ts";

const ID = "0190f3c0-0000-7000-8000-000000000001";

/** Bodies of every kind that a node takes. */
export const BODIES: readonly unknown[] = [
  {
    id: ID,
    world: "tenant:a/müll",
    worker: "sensor-1",
    kind: "observation",
    timestamp: "2026-03-01T12:00:00.123+01:00",
    importance: 0.25,
    payload_json: '{"text":"Der Schlüssel 🔑 liegt unter dem blauen Topf.","n":-1.5e-3}',
    vector: [0.5, -1, 3.4e38, 1e-45],
    flags: ["quarantine"],
    labels: ["pin", "a b"],
    links: [ID, { target: ID, kind: "supersedes" }],
  },
  { world: "w", worker: "me", kind: "plan", payload_json: "{}" },
  { atoms: [{ world: "w", worker: "me", kind: "action", payload_json: "1" }, null, {}] },
  {
    world: "w",
    text: "Where is the key?",
    limit: 100,
    explain: true,
    filter: { kinds: ["plan"], since: "2026-01-01T00:00:00Z", min_importance: 1, limit: 5, worlds: ["w"] },
  },
  { world: "w", after: "100", filter: { labels: ["a"], until: "2026-01-01T00:00:00Z" } },
  { action: "create", world: "w", description: "the house", labels: ["x"] },
  { world: "w", retention_days: 1.5, min_importance: 0, max_bytes: 1, replication_allow: ["a/"] },
  { level: "LIMITED", reason: "the card fails", source: "monitor" },
  { enabled: true, rollout_percentage: 12.5 },
  [1, 2.5, -0, 1e308, true, null, "\u0000\ud83d\ude00", [], {}, [[[[[[[[[[]]]]]]]]]]],
];

export const JSON_SEEDS: readonly Uint8Array[] = [
  ...BODIES.map((body) => encodeUtf8(JSON.stringify(body))),
  encodeUtf8('{"a":"\\ud800","b":"\\u0000","__proto__":{"x":1},"constructor":null}'),
  encodeUtf8("[".repeat(70)),
  encodeUtf8(`${'{"a":'.repeat(63)}1${"}".repeat(63)}`),
];

export const MSGPACK_SEEDS: readonly Uint8Array[] = [
  ...BODIES.map((body) => encodeMsgpack(body)),
  // headers that announce far more than follows: array, map, string, binary and extension of 2^32 - 1
  ...[0xdd, 0xdf, 0xdb, 0xc6, 0xc9].map((head) => Uint8Array.of(head, 0xff, 0xff, 0xff, 0xff)),
  Uint8Array.from([...Array(70).fill(0x91), 0xc0]),
];

export const NDJSON_SEEDS: readonly Uint8Array[] = [
  encodeUtf8(BODIES.map((body) => `${JSON.stringify(body)}\n`).join("")),
  encodeUtf8(`\ufeff{"world":"w"}\r\n\r\n \t\n${JSON.stringify(BODIES[1])}`),
];

export const HEADER_SEEDS: readonly Uint8Array[] = [
  ...["Bearer a-right-key-of-the-test", "bearer  x", "Basic dXNlcjpwYXNz", "a-right-key-of-the-test", ""],
  ...["10.0.0.1, 127.0.0.1", "::ffff:10.0.0.1", "[::1]:80", "for=1.2.3.4;proto=https", "unknown, , 1.1.1.1"],
  ...["localhost:8080", "127.0.0.1", "[::1]", "evil.example", "http://localhost:80", "null", "https://a@b"],
  ...["application/json; charset=utf-8", "application/msgpack;q=0.5, */*", "gzip;q=0, identity"],
  ...["?durability=relaxed", "?archived=true&counts=%zz", "?a=1&a=2&%00=%ff", "trace-1.2_3", "session_1"],
].map((text) => encodeUtf8(text));
