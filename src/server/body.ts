import { concatBytes, Fault, invalid, LIMITS } from "../base/mod.ts";
import type { Exchange } from "./exchange.ts";

const EMPTY = new Uint8Array(0);

/** The declared length of a request's body; undefined when it is chunked (or absent). */
export function declaredLength(headers: Headers): number | undefined {
  const header = headers.get("content-length");
  return header === null ? undefined : Number(header);
}

export function tooLarge(limit: number): Fault {
  return new Fault(
    "payload_too_large",
    `the body is larger than ${limit} bytes; send less at a time, or raise node.limits.body_bytes`,
  );
}

/**
 * The whole body. A large one first gets a place of the admission, which is kept until the request is answered.
 * @throws Fault payload_too_large, overloaded (no place), deadline_exceeded (it took longer than LIMITS.bodyReadMs),
 * invalid_input (the connection ended before the body did).
 */
export async function readBody(exchange: Exchange): Promise<Uint8Array> {
  const { request } = exchange;
  const { admission, bodyBytes } = exchange.shared;
  const declared = declaredLength(request.headers);
  if (declared !== undefined && declared <= LIMITS.largeBodyBytes) {
    try {
      return await request.bytes();
    } catch (cause) {
      throw cutShort(cause);
    }
  }
  if (declared !== undefined) exchange.hold(admission.largeBody());
  if (!request.body) return EMPTY;

  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void reader.cancel().catch(() => {});
  }, LIMITS.bodyReadMs);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (late) throw new Fault("deadline_exceeded", "the body came too slowly; send it faster or in parts");
      if (done) return parts.length === 1 ? parts[0]! : concatBytes(parts);
      const before = size;
      size += value.length;
      if (size > bodyBytes) throw tooLarge(bodyBytes);
      if (declared === undefined && before <= LIMITS.largeBodyBytes && size > LIMITS.largeBodyBytes) {
        exchange.hold(admission.largeBody());
      }
      parts.push(value);
    }
  } catch (error) {
    throw error instanceof Fault ? error : cutShort(error);
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
}

/** The client went away in the middle of its own body: nobody reads this answer, and it is no fault of the node. */
function cutShort(cause: unknown): Fault {
  const fault = invalid("the connection ended before the body was complete");
  fault.cause = cause;
  return fault;
}

/**
 * Reads and drops what is left of a refused body, so that a client that sends all before it reads still sees the
 * answer: at most LIMITS.drainBytes, for at most LIMITS.drainMs.
 * @returns whether the connection can go on: false when there is more to come and it should be closed.
 */
export async function dropBody(request: Request): Promise<boolean> {
  const declared = declaredLength(request.headers);
  // Up to the bound, the HTTP server itself reads and drops what nobody asked for, after the answer.
  if (declared !== undefined && declared <= LIMITS.drainBytes) return true;
  if (!request.body || request.body.locked) return !request.body;

  const reader = request.body.getReader();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void reader.cancel().catch(() => {});
  }, LIMITS.drainMs);
  let dropped = 0;
  try {
    while (dropped < LIMITS.drainBytes) {
      const { done, value } = await reader.read();
      // A cancelled reader says done too.
      if (done) return !late;
      dropped += value.length;
    }
  } catch {
    // The client went away.
  } finally {
    clearTimeout(timer);
  }
  void reader.cancel().catch(() => {});
  return false;
}
