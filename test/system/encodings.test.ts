import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { decodeMsgpack, encodeMsgpack } from "../../src/atom/mod.ts";
import { sentAtom } from "../atom/arbitraries.ts";
import { deepCheck, figure, JSON_TYPE, MSGPACK_TYPE, suite, TestNode } from "./harness.ts";

const ATOMS = 300;
const WORLDS = ["plain", "with/slash", "🌱 garden"];

type Encoding = typeof JSON_TYPE | typeof MSGPACK_TYPE;

/** Sends a value in one encoding and reads the answer in another. */
async function call(node: TestNode, path: string, value: unknown, sent: Encoding, wanted: Encoding) {
  const body = sent === JSON_TYPE ? JSON.stringify(value) : encodeMsgpack(value);
  const response = await fetch(node.url + path, {
    method: value === undefined ? "GET" : "POST",
    headers: { Accept: wanted, ...(value === undefined ? {} : { "Content-Type": sent }) },
    ...(value === undefined ? {} : { body }),
  });
  expect(response.headers.get("content-type")).toStartWith(wanted);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const decoded = wanted === JSON_TYPE ? JSON.parse(new TextDecoder().decode(bytes)) : decodeMsgpack(bytes);
  return { status: response.status, value: decoded };
}

/** The four ways to ask, whose answers must be one. */
async function same(node: TestNode, path: string, value?: unknown): Promise<unknown> {
  const ways: [Encoding, Encoding][] = [
    [JSON_TYPE, JSON_TYPE],
    [JSON_TYPE, MSGPACK_TYPE],
    [MSGPACK_TYPE, JSON_TYPE],
    [MSGPACK_TYPE, MSGPACK_TYPE],
  ];
  const answers = [];
  for (const [sent, wanted] of ways) answers.push(await call(node, path, value, sent, wanted));
  for (const answer of answers.slice(1)) expect(answer).toEqual(answers[0]!);
  return answers[0]!.value;
}

suite("MessagePack", () => {
  test("says what JSON says", async () => {
    const node = await TestNode.start();
    const atoms = fc.sample(sentAtom, { numRuns: ATOMS, seed: 42 }).map((atom, n) => ({
      ...atom,
      id: randomUUID(),
      world: WORLDS[n % WORLDS.length]!,
    }));
    let again = 0;
    for (const [n, atom] of atoms.entries()) {
      const [first, second]: Encoding[] = n % 2 ? [JSON_TYPE, MSGPACK_TYPE] : [MSGPACK_TYPE, JSON_TYPE];
      const stored = await call(node, "/remember", atom, first!, second!);
      expect(stored).toEqual({ status: 200, value: atom.id });
      // the same content in the other encoding is the same request
      if (n % 5 === 0) {
        expect(await call(node, "/remember", atom, second!, first!)).toEqual(stored);
        again += 1;
      }
    }
    const batch = { atoms: atoms.slice(0, 50) };
    expect(await same(node, "/remember/batch", batch)).toEqual({
      ids: batch.atoms.map(({ id }) => id),
      errors: [],
    });

    for (const { id } of atoms) await same(node, `/atoms/${id}`);
    for (const world of WORLDS) {
      const page = (await same(node, "/replay", { world })) as { id: string }[];
      expect(page.map(({ id }) => id)).toEqual(atoms.filter((a) => a.world === world).map(({ id }) => id));
      for (const text of ["", "garden", "a"])
        await same(node, "/ask", { world, text, limit: 20, explain: true });
    }
    await same(node, "/worlds?counts=true");
    // refusals too
    await same(node, "/ask", { world: "plain" });
    await same(node, "/remember", { ...atoms[0]!, payload_json: "other" });
    await same(node, `/atoms/${randomUUID()}`);
    await node.stop();
    await deepCheck(node.dir);
    figure(
      `MessagePack: ${ATOMS} random atoms sent in both encodings (${again} twice), every get, ask and replay the same in four ways`,
    );
  });
});

suite("gzip", () => {
  test("packs what reads and what writes answer, where it is accepted and worth it", async () => {
    const node = await TestNode.start();
    const atom = { world: "w", worker: "me", kind: "observation", payload_json: "It rained." };
    const asked = async (path: string, body?: unknown, accept = "gzip") => {
      const response = await fetch(node.url + path, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          "Accept-Encoding": accept,
          ...(body === undefined ? {} : { "Content-Type": JSON_TYPE }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      expect(response.status).toBeLessThan(300);
      expect(response.headers.get("vary")).toContain("Accept-Encoding");
      // the runtime unpacks the body and keeps the header
      return { packed: response.headers.get("content-encoding") === "gzip", text: await response.text() };
    };
    const batch = await asked("/remember/batch", { atoms: Array(100).fill(atom) });
    expect(JSON.parse(batch.text).ids).toHaveLength(100);
    expect(batch.packed).toBe(true);
    for (const [path, body] of [
      ["/replay", { world: "w" }],
      ["/ask", { world: "w", text: "rain" }],
      ["/openapi.json"],
      ["/docs"],
      ["/metrics"],
    ] as const) {
      const [packed, plain] = [await asked(path, body), await asked(path, body, "identity")];
      expect([path, packed.packed, plain.packed]).toEqual([path, true, false]);
      if (path !== "/metrics") expect(packed.text).toBe(plain.text);
    }
    expect((await asked("/worlds")).packed).toBe(false);
    // so long that others would wait for main to pack it
    const long = await asked("/api/v1/episodes", { content: "€".repeat(50_000) });
    expect([long.packed, JSON.parse(long.text).content.length]).toEqual([false, 50_000]);
    await node.stop();
    await deepCheck(node.dir);
  });
});
