import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { type Answer, atomOf, deepCheck, figure, suite, TestNode } from "./harness.ts";

const AT_ONCE = 20;

/** Sends the same request many times at once. */
function atOnce(node: TestNode, path: string, json: unknown, headers = {}): Promise<Answer[]> {
  return Promise.all(Array.from({ length: AT_ONCE }, () => node.post(path, json, headers)));
}

/** All were told the same id. */
function oneAnswer(answers: readonly Answer[]): unknown {
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  return answers[0]!.body;
}

const refused = ({ status, body }: Answer): unknown[] => [status, body.code];

suite("a retry", () => {
  test("stores once, whether by id or by key, before, during and after the first and a restart", async () => {
    let node = await TestNode.start();
    const { dir } = node;
    const own = atomOf("by id", { id: randomUUID() });
    const keyed = atomOf("by key");
    const key = { "Idempotency-Key": `key ${randomUUID()}` };
    const batch = { atoms: [atomOf("one of a batch"), atomOf("two of a batch"), { bad: true }] };
    const batchKey = { "Idempotency-Key": randomUUID() };

    const restart = async (how: "stop" | "kill"): Promise<void> => {
      await node[how]();
      node = await TestNode.start({ dir });
    };
    const check = async (): Promise<unknown[]> => [
      oneAnswer(await atOnce(node, "/remember", own)),
      oneAnswer(await atOnce(node, "/remember", keyed, key)),
      oneAnswer(await atOnce(node, "/remember/batch", batch, batchKey)),
    ];
    const first = await check();
    expect(first[0]).toBe(own.id);
    expect(await check()).toEqual(first);
    await restart("kill");
    expect(await check()).toEqual(first);
    await restart("stop");
    expect(await check()).toEqual(first);

    // other content under the same name
    expect(refused(await node.post("/remember", { ...own, payload_json: "{}" }))).toEqual([409, "conflict"]);
    expect(refused(await node.post("/remember", { ...own, labels: ["x"] }))).toEqual([409, "conflict"]);
    expect(refused(await node.post("/remember", atomOf("other"), key))).toEqual([409, "conflict"]);
    expect(refused(await node.post("/remember/batch", { atoms: [] }, batchKey))).toEqual([409, "conflict"]);
    // a key belongs to its route
    expect((await node.post("/remember", keyed, batchKey)).status).toBe(200);
    expect((await node.replay("home")).length).toBe(5);

    // a forgotten id stays forgotten
    expect((await node.send("DELETE", `/atoms/${own.id}`)).status).toBe(204);
    for (const answer of await atOnce(node, "/remember", own)) expect(refused(answer)).toEqual([410, "gone"]);
    const item = (await node.post("/remember/batch", { atoms: [own] })).body;
    expect([item.ids, item.errors[0].code]).toEqual([[null], "gone"]);
    await restart("kill");
    expect(refused(await node.post("/remember", own))).toEqual([410, "gone"]);
    expect(refused(await node.get(`/atoms/${own.id}`))).toEqual([404, "not_found"]);
    await node.stop();
    await deepCheck(dir);
    figure(`idempotency: ${AT_ONCE} equal requests at once, four times, over a kill and a stop: stored once`);
  });

  test("the same atom many times in one batch and in several at once is one atom", async () => {
    const node = await TestNode.start();
    const own = atomOf("again", { id: randomUUID() });
    const other = { ...own, payload_json: "{}" };
    const answers = await atOnce(node, "/remember/batch", { atoms: [own, own, other] });
    for (const { status, body } of answers) {
      expect([status, body.ids, body.errors.map((e: { code: string }) => e.code)]).toEqual([
        200,
        [own.id, own.id, null],
        ["conflict"],
      ]);
    }
    expect((await node.replay("home")).length).toBe(1);
    await node.stop();
    await deepCheck(node.dir);
  });
});
