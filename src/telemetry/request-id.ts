import { LIMITS, newId } from "../base/mod.ts";

const GOOD = new RegExp(`^[A-Za-z0-9._-]{1,${LIMITS.requestIdChars}}$`);

/** The caller's X-Request-Id when it is well formed, else a new UUIDv7. */
export function requestId(header: string | null): string {
  return header !== null && GOOD.test(header) ? header : newId(Date.now());
}
