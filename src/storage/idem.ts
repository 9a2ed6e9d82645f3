import { createHash } from "node:crypto";
import { equalBytes, Fault, LIMITS } from "../base/mod.ts";
import type { WriteContext } from "./context.ts";
import { sentDigest } from "./insert.ts";
import { TruthTable } from "./truth-table.ts";

/** An Idempotency-Key as it reaches the writer: scoped to caller and route, with the digest of the body as sent. */
export interface IdempotencyKey {
  scope: string;
  digest: string;
}

interface IdemRow {
  scope: Uint8Array;
  at_ms: number;
  digest: Uint8Array;
  answer: string;
}

export const IDEM = new TruthTable<IdemRow>("idem", {
  columns: ["scope", "at_ms", "digest", "answer"],
  key: ["scope"],
  sealed: ["answer"],
});

function scopeKey(key: IdempotencyKey): Uint8Array {
  return new Uint8Array(createHash("sha256").update(key.scope).digest().subarray(0, 16));
}

/**
 * The answer that a request with the same key got, if there was one within a day.
 * @throws Fault conflict when that request had another body
 */
export function recallAnswer(ctx: WriteContext, key: IdempotencyKey): string | undefined {
  const row = ctx.db.query<IdemRow, [Uint8Array]>(`${IDEM.select} WHERE scope = ?`).get(scopeKey(key));
  if (row === null || row.at_ms + LIMITS.idempotencyMs < ctx.clock.now()) return undefined;
  IDEM.open(ctx.db, row, 'a record of "idem" is damaged; retry with another Idempotency-Key');
  if (!equalBytes(row.digest, sentDigest(ctx.identity.sentKey, key.digest))) {
    throw new Fault(
      "conflict",
      "this Idempotency-Key was used for another body; use a new key for a new request",
    );
  }
  return row.answer;
}

/** Keeps the answer for later requests with the same key, in the transaction that made it true. */
export function keepAnswer(ctx: WriteContext, key: IdempotencyKey, answer: string): void {
  const row = {
    scope: scopeKey(key),
    at_ms: ctx.clock.now(),
    digest: sentDigest(ctx.identity.sentKey, key.digest),
    answer,
  };
  ctx.db.query(IDEM.put).run(...IDEM.values(ctx.db, row));
}

/** Drops keys older than a day and the oldest beyond the bound. A slice at a time. */
export function expireAnswers(ctx: WriteContext): number {
  const old = ctx.db
    .query(
      "DELETE FROM idem WHERE scope IN (SELECT scope FROM idem WHERE at_ms < ? ORDER BY at_ms LIMIT 1000)",
    )
    .run(ctx.clock.now() - LIMITS.idempotencyMs).changes;
  const rows = ctx.db.query<{ n: number }, []>("SELECT count(*) AS n FROM idem").get()!.n;
  const over = Math.min(1000, rows - LIMITS.idempotencyRows);
  if (over <= 0) return old;
  return (
    old +
    ctx.db.query("DELETE FROM idem WHERE scope IN (SELECT scope FROM idem ORDER BY at_ms LIMIT ?)").run(over)
      .changes
  );
}
