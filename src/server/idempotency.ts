import { canonical } from "../atom/mod.ts";
import { invalid, LIMITS } from "../base/mod.ts";
import type { BatchItem, WriteOptions } from "../engine/mod.ts";
import type { Exchange } from "./exchange.ts";

const PRINTABLE = new RegExp(`^[\\x20-\\x7e]{1,${LIMITS.idempotencyKeyChars}}$`);

export const IDEMPOTENCY_HEADER = "Idempotency-Key";

/** @throws Fault invalid_input for a key that is empty, too long or not printable ASCII. */
export function idempotencyKey(exchange: Exchange): string | undefined {
  const key = exchange.request.headers.get(IDEMPOTENCY_HEADER);
  if (key === null) return undefined;
  if (!PRINTABLE.test(key)) {
    throw invalid(
      `${IDEMPOTENCY_HEADER} must be 1 to ${LIMITS.idempotencyKeyChars} printable ASCII characters; send a UUID`,
    );
  }
  return key;
}

/** The key with the digest of a body's canonical form, which is the same in every encoding. */
export function idempotencyOf(key: string, form: string): NonNullable<WriteOptions["idempotency"]> {
  return { key, digest: new Uint8Array(new Bun.CryptoHasher("sha256").update(form).digest()) };
}

/** Canonical form of a batch as it was sent: refused items count with all they held. */
export function batchForm(items: readonly BatchItem[], sent: readonly unknown[]): string {
  return items.map((item, i) => ("code" in item ? sortedJson(sent[i]) : canonical(item))).join("\n");
}

/** JSON with sorted keys; the codecs bound its depth. */
function sortedJson(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, held]) => `${JSON.stringify(key)}:${sortedJson(held)}`).join(",")}}`;
}
