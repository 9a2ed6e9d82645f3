import { expect, test } from "bun:test";
import { LIMITS } from "../../src/base/mod.ts";
import { Dice, sentence } from "../../src/load/mod.ts";
import { deepCheck, FULL, figure, NDJSON_TYPE, suite, TestNode } from "./harness.ts";
import { Wire } from "./wire.ts";

const MANY = FULL ? 500_000 : 200_000;
const FEW = MANY / 10;
const ALLOWED_MB = 10;

/** Streams lines in one request, reading the answers meanwhile. @returns how many were acknowledged */
async function stream(node: TestNode, lines: number): Promise<number> {
  const dice = new Dice(7);
  const wire = await Wire.connect(node.port);
  let acknowledged = 0;
  wire.sink = (chunk) => {
    // each answer line has one "id":
    for (let at = chunk.indexOf('"id"'); at >= 0; at = chunk.indexOf('"id"', at + 1)) acknowledged += 1;
  };
  const answer = wire.answer();
  const head = `POST /remember/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${NDJSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n`;
  await wire.write(Buffer.from(head));
  let bytes = 0;
  for (let sent = 0; sent < lines; ) {
    let text = "";
    for (const end = Math.min(lines, sent + 500); sent < end; sent++) {
      const payload = JSON.stringify({ text: sentence(dice, 4) });
      text += `${JSON.stringify({ world: "s", worker: "w", kind: "plan", payload_json: payload })}\n`;
    }
    bytes += text.length;
    await wire.write(Buffer.from(`${text.length.toString(16)}\r\n${text}\r\n`));
  }
  expect(bytes).toBeLessThan(LIMITS.ndjsonBytes);
  await wire.write(Buffer.from("0\r\n\r\n"));
  const { status, complete } = await answer;
  expect([status, complete]).toEqual([200, true]);
  wire.close();
  return acknowledged;
}

/** Peak memory of a fresh node that got so many lines, MB. */
async function peakOf(lines: number): Promise<number> {
  const node = await TestNode.start();
  const began = performance.now();
  const acknowledged = await stream(node, lines);
  const seconds = (performance.now() - began) / 1000;
  const peak = node.memoryMb("VmHWM");
  const { body } = await node.get("/worlds?counts=true");
  expect(body[0].atoms).toBe(lines);
  // an answer cut in the middle of "id" by the network is not counted
  expect(acknowledged).toBeGreaterThan(lines * 0.99);
  await node.stop();
  await deepCheck(node.dir);
  figure(`NDJSON: ${lines} lines in ${seconds.toFixed(1)} s, peak RSS ${peak.toFixed(1)} MB`);
  return peak;
}

suite("a long stream", () => {
  test(`${MANY} lines take at most ${ALLOWED_MB} MB more than ${FEW}`, async () => {
    const few = await peakOf(FEW);
    const many = await peakOf(MANY);
    figure(`NDJSON: ten times the lines cost ${(many - few).toFixed(1)} MB more (${ALLOWED_MB} allowed)`);
    expect(many).toBeLessThanOrEqual(few + ALLOWED_MB);
  }, 400_000);
});
