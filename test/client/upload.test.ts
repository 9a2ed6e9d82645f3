import { afterEach, beforeEach, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeUtf8, Fault, isId, LIMITS } from "../../src/base/mod.ts";
import { Client, chunks, type Line, LineIds, type Outcome, upload } from "../../src/client/mod.ts";
import { type FakeNode, refusal, startFakeNode } from "./fake-node.ts";

let fake: FakeNode;
let client: Client;
let pauses: number[];

beforeEach(() => {
  fake = startFakeNode();
  client = new Client({ api: fake.url });
  pauses = [];
});
afterEach(() => fake.stop());

async function* stream(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? encodeUtf8(part) : part;
}

function atomLine(text: string, more: object = {}): string {
  const id = new LineIds().next(text);
  return JSON.stringify({ id, world: "home", worker: "w", kind: "observation", payload_json: text, ...more });
}

async function send(text: string): Promise<Outcome[]> {
  const pause = async (ms: number) => pauses.push(ms);
  const lines = chunks(stream(text), (line) => line, { eager: false });
  return (await Array.fromAsync(upload(client, lines, { pause }))).flat();
}

const number = (line: Line) => line.number;

test("a byte order mark is no part of the first line", async () => {
  const source = stream("\uFEFF{}\n\uFEFF{}");
  const [chunk] = await Array.fromAsync(chunks(source, (line) => line, { eager: false }));
  expect(
    chunk?.map((line) => "bytes" in line && new TextDecoder("utf-8", { ignoreBOM: true }).decode(line.bytes)),
  ).toEqual(["{}", "\uFEFF{}"]);
});

test("lines are numbered as an editor numbers them, blank ones included", async () => {
  const source = stream("a\r\n\n", "  \nb", "c\nd");
  const [chunk] = await Array.fromAsync(chunks(source, (line) => line, { eager: false }));
  expect(
    chunk?.map((line) => [line.number, "bytes" in line && new TextDecoder().decode(line.bytes)]),
  ).toEqual([
    [1, "a"],
    [4, "bc"],
    [5, "d"],
  ]);
});

test("a chunk ends at 1000 lines, and eagerly with every piece of input", async () => {
  const all = await Array.fromAsync(chunks(stream("x\n".repeat(2500)), (line) => line, { eager: false }));
  expect(all.map((chunk) => chunk.length)).toEqual([1000, 1000, 500]);
  const eager = await Array.fromAsync(chunks(stream("a\nb\n", "c", "\nd"), (line) => line, { eager: true }));
  expect(eager.map((chunk) => chunk.map(number))).toEqual([[1, 2], [3], [4]]);
});

test("a line that is too long, not UTF-8 or refused by its preparation is refused alone", async () => {
  const long = new Uint8Array(LIMITS.ndjsonLineBytes + 1).fill(0x61);
  const source = stream("ok\n", long, "\n", new Uint8Array([0xff]), "\nbad\n");
  const prepare = (line: string) => {
    if (line === "bad") throw new Fault("invalid_input", "no");
    return line;
  };
  const [chunk] = await Array.fromAsync(chunks(source, prepare, { eager: false }));
  expect(chunk?.map((line) => [line.number, "fault" in line ? line.fault.code : "sent"])).toEqual([
    [1, "sent"],
    [2, "payload_too_large"],
    [3, "invalid_input"],
    [4, "invalid_input"],
  ]);
});

test("ids depend on the line and on how often it came before, on nothing else", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "b", "c", "ü")), (lines) => {
      const once = new LineIds();
      const again = new LineIds();
      const ids = lines.map((line) => once.next(line));
      expect(lines.map((line) => again.next(line))).toEqual(ids);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.every((id) => isId(id) && id[14] === "8")).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("every line has an outcome, refused ones with code and sentence", async () => {
  const outcomes = await send(
    `${atomLine("one")}\n${atomLine("two", { worker: 7 })}\n${atomLine("three")}\n`,
  );
  expect(outcomes.map((outcome) => ("id" in outcome ? "stored" : outcome.code))).toEqual([
    "stored",
    "invalid_input",
    "stored",
  ]);
  expect(fake.atoms.size).toBe(2);
});

test("passing faults are tried again with the same ids, honouring Retry-After", async () => {
  fake.script.push(() => refusal(503, "overloaded", "full", { "retry-after": "2" }));
  fake.script.push(() => refusal(503, "deadline_exceeded", "late"));
  const outcomes = await send(`${atomLine("one")}\n`);
  expect(outcomes).toHaveLength(1);
  expect(pauses).toEqual([2000, 1000]);
  expect(new Set(fake.requests.map(({ body }) => body)).size).toBe(1);
});

test("only what was not settled is sent again", async () => {
  const [one, two] = [atomLine("one"), atomLine("two")];
  const id = JSON.parse(one).id;
  fake.script.push(
    () => new Response(`{"index":0,"id":"${id}"}\n{"index":1,"code":"overloaded","error":"full"}\n`),
  );
  const outcomes = await send(`${one}\n${two}\n`);
  expect(outcomes.map((outcome) => outcome.number)).toEqual([1, 2]);
  expect(fake.requests.map(({ body }) => body)).toEqual([`${one}\n${two}\n`, `${two}\n`]);
});

test("tries are bounded", async () => {
  fake.script = Array.from({ length: 20 }, () => () => refusal(503, "overloaded", "full"));
  const fault = await send(`${atomLine("one")}\n`).catch((error) => error);
  expect(fault.code).toBe("overloaded");
  expect(fake.requests).toHaveLength(LIMITS.importRetries + 1);
});

test("a full disk ends the upload; the lines before it count as stored", async () => {
  const line = atomLine("one");
  const id = JSON.parse(line).id;
  fake.script.push(() => new Response(`{"index":0,"id":"${id}"}\n{"code":"disk_full","error":"no room"}\n`));
  const stored: Outcome[] = [];
  const run = async () => {
    const lines = chunks(stream(`${line}\n${atomLine("two")}\n`), (text) => text, { eager: false });
    for await (const outcomes of upload(client, lines)) stored.push(...outcomes);
  };
  const fault = await run().catch((error) => error);
  expect(fault.code).toBe("disk_full");
  expect(stored).toEqual([{ number: 1, id }]);
});
