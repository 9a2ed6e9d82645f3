import { describe, expect, test } from "bun:test";
import { ANYWHERE, BY_ROUTE } from "./bad-bodies.ts";
import { ATOM, fixture, JSON_TYPE } from "./support.ts";

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
          out.enqueue(new TextEncoder().encode(JSON.stringify(ATOM)));
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
