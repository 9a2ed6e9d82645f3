/** A request with an Idempotency-Key happens once; its answer is kept for a day. */
import { describe, expect, test } from "bun:test";
import { LIMITS } from "../../src/base/mod.ts";
import { type IdempotencyKey, insertAtom, keepAnswer, recallAnswer } from "../../src/storage/mod.ts";
import { faultOf, note, type Store, withStore } from "./harness.ts";

const key: IdempotencyKey = { scope: "key 1 /remember abc", digest: "digest of the body" };
const recall = (store: Store, of = key): string | undefined => store.run((ctx) => recallAnswer(ctx, of));
const keep = (store: Store, answer: string, of = key): void =>
  store.run((ctx) => keepAnswer(ctx, of, answer));
const kept = (store: Store): number =>
  store.db.query<{ n: number }, []>("SELECT count(*) AS n FROM idem").get()!.n;

describe("an Idempotency-Key", () => {
  test("nothing is known of a new one", () => {
    withStore((store) => expect(recall(store)).toBeUndefined());
  });

  test("the same request gets the same answer, after a restart too", () => {
    withStore((store) => {
      keep(store, '"the answer 🦉"');
      expect(recall(store)).toBe('"the answer 🦉"');
      store.restart();
      expect(recall(store)).toBe('"the answer 🦉"');
    });
  });

  test("another body is a conflict; another scope is another key", () => {
    withStore((store) => {
      keep(store, "a");
      expect(faultOf(() => recall(store, { ...key, digest: "other" })).code).toBe("conflict");
      expect(recall(store, { ...key, scope: "key 2 /remember abc" })).toBeUndefined();
    });
  });

  test("an answer is kept only with what it answers", () => {
    withStore((store) => {
      const [outcome] = store.writer.commit([
        (ctx) => {
          insertAtom(ctx, note("x"));
          keepAnswer(ctx, key, "a");
          throw new Error("a bug");
        },
      ]);
      expect(outcome).toHaveProperty("fault");
      expect(recall(store)).toBeUndefined();
      expect(store.replay()).toEqual([]);
    });
  });

  test("after a day it is a new key, and its row goes", () => {
    withStore((store) => {
      keep(store, "a");
      store.clock.advance(LIMITS.idempotencyMs);
      expect(recall(store)).toBe("a");
      store.clock.advance(1);
      expect(recall(store)).toBeUndefined();
      keep(store, "b", { ...key, digest: "other" });
      expect(recall(store, { ...key, digest: "other" })).toBe("b");
      store.clock.advance(LIMITS.idempotencyMs + 1);
      store.pass(LIMITS.retentionEveryMs);
      expect(kept(store)).toBe(0);
    });
  });

  test("beyond their bound the oldest answers go", () => {
    withStore((store) => {
      keep(store, "first");
      store.clock.advance(1);
      store.run((ctx) => {
        for (let i = 0; i < 1500; i++) keepAnswer(ctx, { scope: `s${i}`, digest: "d" }, "a");
      });
      // rows without a true checksum, removed again below: only their number matters
      store.db.run(
        `WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO idem SELECT CAST('filler' || i AS BLOB), ?, x'00', '', x'00' FROM n`,
        [LIMITS.idempotencyRows, store.clock.now() + 1],
      );
      store.pass(2 * LIMITS.retentionEveryMs);
      expect(kept(store)).toBe(LIMITS.idempotencyRows);
      expect(recall(store)).toBeUndefined();
      store.db.run("DELETE FROM idem");
    });
  });

  test("a damaged answer is not given", () => {
    withStore((store) => {
      keep(store, "a");
      store.db.run("UPDATE idem SET answer = 'b'");
      expect(faultOf(() => recall(store)).code).toBe("storage_error");
      store.db.run("DELETE FROM idem");
    });
  });
});
