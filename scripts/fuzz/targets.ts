import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
  checkAsk,
  checkBatchShape,
  checkNewAtom,
  checkPolicy,
  checkReplay,
  checkWorld,
  decodeJson,
  decodeMsgpack,
  LineSplitter,
  OVERLONG_LINE,
} from "../../src/atom/mod.ts";
import { Authenticator, TrustedProxies } from "../../src/auth/mod.ts";
import { type ErrorCode, encodeUtf8, Fault } from "../../src/base/mod.ts";
import { loadConfig, TEMPLATES } from "../../src/config/mod.ts";
import { checkCircuitAction, checkFlagChange, checkPanic, checkRecover } from "../../src/control/mod.ts";
import { mediaType, wantOf } from "../../src/server/negotiate.ts";
import { queryOf } from "../../src/server/query.ts";
import { Vault } from "../../src/storage/vault.ts";
import { requestId } from "../../src/telemetry/mod.ts";
import { Duplicates } from "../../src/vector/duplicates.ts";
import { encodeEnd, hashFile, readDuplicates, readSeal, verifySnapshot } from "../../src/vector/snapshot.ts";
import { archive } from "./archive.ts";
import { mutated } from "./mutate.ts";
import { HEADER_SEEDS, JSON_SEEDS, MSGPACK_SEEDS, NDJSON_SEEDS } from "./seeds.ts";
import { type Target, target } from "./target.ts";

const CONTEXT = { now: Date.UTC(2026, 5, 1), clockSane: true };
const CHECKS: readonly ((value: unknown) => unknown)[] = [
  (value) => checkNewAtom(value, CONTEXT),
  ...[checkBatchShape, checkAsk, checkReplay, checkWorld, checkPolicy],
  ...[checkFlagChange, checkPanic, checkRecover, checkCircuitAction],
];

/** Runs every check of bodies: a refusal of one says nothing about the next. */
function checkAll(value: unknown): void {
  for (const check of CHECKS) {
    try {
      check(value);
    } catch (error) {
      if (!(error instanceof Fault) || !BODY_REFUSALS.includes(error.code)) throw error;
    }
  }
}

const BODY_REFUSALS: readonly ErrorCode[] = ["invalid_input", "payload_too_large"];

const json = target<Uint8Array>({
  name: "json",
  cases: mutated(JSON_SEEDS),
  refusals: BODY_REFUSALS,
  run: (bytes) => checkAll(decodeJson(bytes)),
});

const msgpack = target<Uint8Array>({
  name: "msgpack",
  cases: mutated(MSGPACK_SEEDS),
  refusals: BODY_REFUSALS,
  run: (bytes) => checkAll(decodeMsgpack(bytes)),
});

const LINE_BYTES = 2000;

/** Lines do not depend on how the stream was cut into chunks. */
const ndjson = target<[Uint8Array, number]>({
  name: "ndjson",
  cases: fc.tuple(mutated(NDJSON_SEEDS), fc.integer({ min: 1, max: 500 })),
  refusals: [],
  run([bytes, chunk]) {
    const whole = new LineSplitter(LINE_BYTES);
    const wanted = [...whole.push(bytes), ...whole.end()];
    const cut = new LineSplitter(LINE_BYTES);
    const lines: Uint8Array[] = [];
    const keep = (line: Uint8Array) => (line === OVERLONG_LINE ? line : line.slice());
    for (let at = 0; at < bytes.length; at += chunk)
      lines.push(...cut.push(bytes.slice(at, at + chunk)).map(keep));
    lines.push(...cut.end().map(keep));
    if (lines.length !== wanted.length || lines.some((line, i) => !Buffer.from(line).equals(wanted[i]!)))
      throw new Error("the lines depend on the chunks");
    for (const line of lines) {
      try {
        checkNewAtom(decodeJson(line, "the line"), CONTEXT);
      } catch (error) {
        if (!(error instanceof Fault) || !BODY_REFUSALS.includes(error.code)) throw error;
      }
    }
  },
});

function config(): Target {
  const dir = mkdtempSync(join(tmpdir(), "dwbase-fuzz-"));
  const path = join(dir, "dwbase.toml");
  const seeds = Object.values(TEMPLATES).map((text) =>
    encodeUtf8(text.replace(/^#.*\n/gm, "").slice(0, 1500)),
  );
  return target<Uint8Array>({
    name: "config",
    cases: mutated(seeds).map((bytes) => bytes.subarray(0, 4000)),
    refusals: ["usage"],
    run(bytes) {
      writeFileSync(path, bytes);
      loadConfig({ env: {}, cwd: dir, path });
    },
    close: () => rmSync(dir, { recursive: true }),
  });
}

/** The seal of a vector index, also with a checksum that fits, so that the fields themselves are reached. */
function indexHeader(): Target {
  const dir = mkdtempSync(join(tmpdir(), "dwbase-fuzz-"));
  const path = join(dir, "index");
  const graph = Buffer.alloc(200, 7);
  const pairs = new Duplicates(Float64Array.of(1, 4, 1, 5));
  const seal = { identity: new Uint8Array(32).fill(7), world: 12, epoch: 3, lastSeq: 2 ** 40, count: 10 };
  writeFileSync(path, graph);
  const hash = new Bun.CryptoHasher("sha256");
  const graphBytes = hashFile(path, hash);
  const whole = Buffer.concat([graph, encodeEnd(seal, graphBytes, pairs, hash)]);
  const fitting = (bytes: Uint8Array): Uint8Array => {
    if (bytes.length < 32) return bytes;
    const covered = bytes.subarray(0, -32);
    return Buffer.concat([covered, new Bun.CryptoHasher("sha256").update(covered).digest()]);
  };
  return target<[Uint8Array, boolean]>({
    name: "index header",
    cases: fc.tuple(mutated([whole, whole.subarray(200)]), fc.boolean()),
    refusals: ["damaged"],
    run([bytes, fit]) {
      writeFileSync(path, fit ? fitting(bytes) : bytes);
      readSeal(path);
      verifySnapshot(path);
      readDuplicates(path);
    },
    close: () => rmSync(dir, { recursive: true }),
  });
}

const printable = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString("latin1")
    .replace(/[^\t -~\x80-\xff]/g, "");

/** Keys, addresses and all else that is read from headers and the request line. */
function keyHeader(): Target {
  const authenticator = new Authenticator({
    loopback: true,
    allowAnonymous: "loopback",
    production: false,
    keys: [{ name: "right", key: "a-right-key-of-the-test", admin: true }],
    security: { readWorlds: [], writeWorlds: [], importanceCap: 1 },
    sleep: async () => {},
  });
  const proxies = new TrustedProxies(["127.0.0.1", "10.0.0.0/8"]);
  const names = [
    "authorization",
    "x-api-key",
    "x-admin-key",
    "host",
    "origin",
    "x-forwarded-for",
    "forwarded",
  ];
  return target<[Uint8Array, Uint8Array, string[]]>({
    name: "key header",
    cases: fc.tuple(mutated(HEADER_SEEDS), mutated(HEADER_SEEDS), fc.subarray(names)),
    refusals: ["unauthenticated", "forbidden", "rate_limited", "invalid_input"],
    async run([first, second, sent]) {
      const values = [printable(first).slice(0, 4000), printable(second).slice(0, 4000)];
      const headers = new Headers(sent.map((name, i): [string, string] => [name, values[i % 2]!]));
      const address = proxies.clientAddress("127.0.0.1", headers.get("x-forwarded-for"));
      requestId(values[0]!);
      mediaType(values[0]!);
      wantOf(new Headers({ accept: values[0]!, "accept-encoding": values[1]! }));
      const caller = await authenticator.authenticate(headers, address, { exempt: false });
      if (caller.admin && !values.some((value) => value.includes("a-right-key-of-the-test")))
        throw new Error("a wrong key was taken for an admin's");
      queryOf(`http://localhost/worlds${values[1]}`, [{ name: "archived" }, { name: "durability" }]);
    },
  });
}

/** Sealed values of an encrypted store: none that was changed is opened. */
function sealed(): Target {
  const vault = new Vault("MAIN", new Uint8Array(32).fill(3));
  const seeds = [vault.seal("a text", "place"), vault.seal(new Uint8Array(40), "place")];
  return target<Uint8Array>({
    name: "sealed value",
    cases: mutated(seeds),
    refusals: [],
    run(bytes) {
      const opened = vault.open(bytes, "place");
      if (opened !== undefined && !seeds.some((seed) => Buffer.from(seed).equals(bytes)))
        throw new Error("a changed value was opened");
    },
  });
}

/** Every parser that takes bytes from outside, by name; each is made when it is wanted. */
export const TARGETS: Readonly<Record<string, () => Target | Promise<Target>>> = {
  json: () => json,
  msgpack: () => msgpack,
  ndjson: () => ndjson,
  config,
  archive,
  "index header": indexHeader,
  "key header": keyHeader,
  "sealed value": sealed,
};
