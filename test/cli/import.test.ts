import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { refusal } from "../client/fake-node.ts";
import { type Bench, openBench } from "./harness.ts";

const SAMPLE = join(import.meta.dir, "../fixtures/sample.jsonl");
const LINES = readFileSync(SAMPLE, "utf8").trim().split("\n");

let bench: Bench;

beforeEach(() => {
  bench = openBench();
});
afterEach(() => bench.close());

async function imported(...argv: string[]) {
  const { code, out, err } = await bench.run(["import", ...argv, "--json"]);
  return { code, err, report: out === "" ? undefined : JSON.parse(out) };
}

test("a second import adds nothing", async () => {
  const first = await imported(SAMPLE);
  const none = { refused: 0, refusals: [] };
  expect([first.code, first.report]).toEqual([
    0,
    { lines: LINES.length, added: LINES.length, already: 0, ...none },
  ]);
  const second = await imported(SAMPLE);
  expect(second.report).toEqual({ lines: LINES.length, added: 0, already: LINES.length, ...none });
});

test("an export imports as what is there already; the same id with other content is refused", async () => {
  await imported(SAMPLE);
  const exported = (await bench.run(["export", "home"])).out;
  writeFileSync(join(bench.dir, "export.jsonl"), exported);
  expect((await imported("export.jsonl")).report).toMatchObject({
    added: 0,
    already: LINES.length,
    refused: 0,
  });
  writeFileSync(join(bench.dir, "other.jsonl"), exported.replace("11.5", "99"));
  const { code, report } = await imported("other.jsonl");
  expect([code, report.refusals]).toEqual([1, [{ line: 1, code: "conflict", error: "other content" }]]);
});

test("equal lines are as many memories as there are lines", async () => {
  writeFileSync(join(bench.dir, "same.jsonl"), `${LINES[0]}\n`.repeat(3));
  expect((await imported("same.jsonl")).report.added).toBe(3);
  expect((await imported("same.jsonl")).report.already).toBe(3);
});

test("an import that was cut off goes on where it ended", async () => {
  writeFileSync(join(bench.dir, "part.jsonl"), `${LINES.slice(0, 10).join("\n")}\n`);
  await imported("part.jsonl");
  expect((await imported(SAMPLE)).report).toMatchObject({ added: LINES.length - 10, already: 10 });
});

test("--world moves the atoms; naming their own world changes nothing", async () => {
  expect((await imported(SAMPLE, "--world", "cabin")).report.added).toBe(LINES.length);
  expect(new Set([...bench.node.atoms.values()].map(({ world }) => world))).toEqual(new Set(["cabin"]));
  expect((await imported(SAMPLE)).report.added).toBe(LINES.length);
  expect((await imported(SAMPLE, "--world", "home")).report.added).toBe(0);
});

test("refused lines are named by number, the rest is stored, and the exit code is 1", async () => {
  const bad = ["not json", "[1]", '{"world":"home","payload_json":"{}"}'];
  writeFileSync(join(bench.dir, "mixed.jsonl"), [LINES[0], "", ...bad, LINES[1]].join("\r\n"));
  const { code, report } = await imported("mixed.jsonl");
  expect(code).toBe(1);
  expect(report).toMatchObject({ lines: 5, added: 2, already: 0, refused: 3 });
  expect(report.refusals.map(({ line }: { line: number }) => line)).toEqual([3, 4, 5]);
  const plain = await bench.run(["import", "mixed.jsonl"]);
  expect(plain.out).toBe("5 lines: 0 added, 2 already there, 3 refused\n");
  expect(plain.err).toContain("line 4: the line is not a JSON object");
});

test("stdin is a file too", async () => {
  const { out } = await bench.run(["import", "-"], { stdin: [LINES[0]!, "\n", LINES[1]!] });
  expect(out).toBe("2 lines: 2 added, 0 already there, 0 refused\n");
});

test("a key that may only write is told how many were stored", async () => {
  bench.node.script.push(() => refusal(403, "capability_denied", "no"));
  expect((await bench.run(["import", SAMPLE])).out).toBe(
    `${LINES.length} lines: ${LINES.length} stored, 0 refused\n`,
  );
});

test("a missing file is exit 3, a directory exit 2, a node that is away exit 5", async () => {
  expect((await imported("none.jsonl")).code).toBe(3);
  expect((await imported(".")).code).toBe(2);
  expect((await imported(SAMPLE, "--api", "http://127.0.0.1:1")).code).toBe(5);
});
