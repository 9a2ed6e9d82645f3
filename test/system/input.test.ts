import { expect, test } from "bun:test";
import { ANYWHERE, BY_ROUTE } from "../server/bad-bodies.ts";
import { atomOf, deepCheck, figure, hashFiles, JSON_TYPE, NDJSON_TYPE, suite, TestNode } from "./harness.ts";
import { requestBytes, Wire } from "./wire.ts";

const LEAST_BODIES = 12;
const ID = "0190f3c0-0000-7000-8000-000000000001";

type BadRequest = [method: string, path: string, status: number, code: string];

const BAD_REQUESTS: BadRequest[] = [
  ["GET", "/nowhere", 404, "not_found"],
  ["POST", "/nowhere", 404, "not_found"],
  ["GET", "/remember/", 404, "not_found"],
  ["GET", "//", 404, "not_found"],
  ["GET", "/..%2f..%2fetc/passwd", 404, "not_found"],
  ["GET", "/%00", 404, "not_found"],
  ["GET", "/%ff%fe", 404, "not_found"],
  ["GET", `/${"x".repeat(10_000)}`, 404, "not_found"],
  ["GET", "/REMEMBER", 404, "not_found"],
  ["GET", "/remember", 405, "method_not_allowed"],
  ["PUT", "/remember", 405, "method_not_allowed"],
  ["DELETE", "/ask", 405, "method_not_allowed"],
  ["PATCH", "/replay", 405, "method_not_allowed"],
  ["POST", "/worlds", 405, "method_not_allowed"],
  ["POST", "/healthz", 405, "method_not_allowed"],
  ["DELETE", "/worlds/manage", 405, "method_not_allowed"],
  ["PURGE", "/healthz", 405, "method_not_allowed"],
  ["GET", "/atoms/atom-1", 404, "not_found"],
  ["GET", "/atoms/%E0%A4%A", 404, "not_found"],
  ["GET", `/atoms/${"0".repeat(5000)}`, 404, "not_found"],
  ["DELETE", "/atoms/*", 404, "not_found"],
  ["GET", `/atoms/${ID}`, 404, "not_found"],
  ["DELETE", `/atoms/${ID}`, 404, "not_found"],
  ["GET", "/worlds?counts=maybe", 400, "invalid_input"],
  ["GET", "/worlds?count=true", 400, "invalid_input"],
];

/** Bytes that are no proper HTTP: the node may answer 4xx (or 505) or close, and serves on. */
const BROKEN_HTTP = [
  "GARBAGE\r\n\r\n",
  "GET / HTTP/9.9\r\n\r\n",
  "POST /remember HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
  "POST /remember HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "POST /remember HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
  `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(100_000)}\r\n\r\n`,
  `GET /healthz HTTP/1.1\r\nHost: localhost\r\n${"A: b\r\n".repeat(5000)}\r\n`,
  "\u0000\u0001\u0002\u0003",
];

/** What a caller can see of what is stored. */
async function stateOf(node: TestNode): Promise<unknown> {
  const worlds = await node.get("/worlds?counts=true&archived=true");
  return { worlds: worlds.body, home: await node.replay("home") };
}

suite("bad input", () => {
  test("is refused with the right code on every route and changes nothing", async () => {
    const node = await TestNode.start();
    for (let n = 0; n < 20; n++) await node.remember(atomOf(`memory ${n}`));
    await Bun.sleep(4000); // folded: from here on no file changes
    const before = await stateOf(node);
    const files = hashFiles(node.dir);

    let bodies = 0;
    const { paths } = (await node.get("/openapi.json")).body as { paths: Record<string, { post?: unknown }> };
    const posts = Object.keys(paths).filter((path) => paths[path]!.post !== undefined);
    for (const path of Object.keys(BY_ROUTE)) expect(posts).toContain(path);
    for (const path of posts.filter((known) => known in BY_ROUTE)) {
      const table = [...ANYWHERE, ...BY_ROUTE[path]!];
      expect(table.length).toBeGreaterThanOrEqual(LEAST_BODIES);
      for (const [what, raw, type = JSON_TYPE, status = 400, code = "invalid_input"] of table) {
        const answer = await node.send("POST", path, { raw, headers: { "Content-Type": type } });
        expect([path, what, answer.status, answer.body?.code]).toEqual([path, what, status, code]);
        expect(answer.body.error.length).toBeGreaterThan(10);
        expect(answer.headers.get("x-request-id")).toBeTruthy();
        bodies += 1;
      }
    }
    for (const [method, path, status, code] of BAD_REQUESTS) {
      const wire = await Wire.connect(node.port);
      const answer = await wire.exchange(requestBytes(method, path));
      const body = JSON.parse(answer.body.toString());
      expect([method, path, answer.status, body.code]).toEqual([method, path, status, code]);
      if (status === 405) expect(answer.headers.allow).toBeTruthy();
      wire.close();
    }
    for (const text of BROKEN_HTTP) {
      const wire = await Wire.connect(node.port);
      const answer = await Promise.race([wire.exchange(Buffer.from(text)), Bun.sleep(500)]);
      if (answer && answer.status > 0)
        expect([text.slice(0, 60), answer.status !== 500]).toEqual([text.slice(0, 60), true]);
      wire.close();
    }
    expect(await stateOf(node)).toEqual(before);
    expect(hashFiles(node.dir)).toEqual(files);
    expect(await node.metric('dwbase_http_requests_total\\{route="/remember",status="500"\\}')).toBeNaN();
    expect(node.log.filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
    await node.stop();
    await deepCheck(node.dir);
    figure(
      `bad input: ${bodies} bodies over ${Object.keys(BY_ROUTE).length} routes, ${BAD_REQUESTS.length} paths and methods, ${BROKEN_HTTP.length} broken requests: no 500, nothing changed`,
    );
  });

  test("in a stream each bad line is refused alone, at its index", async () => {
    const node = await TestNode.start();
    const bad = [
      "{",
      "[]",
      '{"world":"w"}',
      `{"x":"${"y".repeat(100)}"}`,
      '"\\ud800"',
      "null",
      "\u0007",
      "{} {}",
    ];
    const lines = bad.flatMap((line, n) => [JSON.stringify(atomOf(`good ${n}`)), line]);
    const { status, text } = await node.send("POST", "/remember/batch", {
      raw: `${lines.join("\n")}\n`,
      headers: { "Content-Type": NDJSON_TYPE },
    });
    const answers = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(status).toBe(200);
    expect(answers.map(({ index, code }) => [index, code])).toEqual(
      lines.map((_, index) => [index, index % 2 ? "invalid_input" : undefined]),
    );
    expect((await node.replay("home")).length).toBe(bad.length);
    await node.stop();
    await deepCheck(node.dir);
  });
});
