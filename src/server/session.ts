import { Type } from "@sinclair/typebox";
import { invalid } from "../base/mod.ts";
import type { Exchange } from "./exchange.ts";
import type { Parameter } from "./route.ts";

const FORM = /^[A-Za-z0-9_-]{1,128}$/;
/** Names that a caller cannot mean: roles, and what programs send when they have no session. */
const RESERVED = new Set([
  ...["admin", "system", "root", "default", "test"],
  ...["null", "none", "undefined", "anonymous"],
]);

export const SESSION_HEADER: Parameter = {
  name: "X-Session-ID",
  description: `Whose memory it is; the node's own session when absent or empty. Not allowed: ${[...RESERVED].join(", ")}.`,
  schema: Type.String({ pattern: "^[A-Za-z0-9_-]{0,128}$" }),
};

/**
 * The session of a request of the memory family: X-Session-ID, else the node's default.
 * @throws Fault invalid_input for a header that is malformed or reserved
 */
export function sessionOf({ request, shared }: Exchange): string {
  const session = request.headers.get("x-session-id");
  if (session === null || session === "") return shared.defaultSession;
  if (!FORM.test(session)) {
    throw invalid("X-Session-ID must be 1 to 128 letters, digits, hyphens or underscores; send another name");
  }
  if (RESERVED.has(session.toLowerCase())) {
    throw invalid(
      `X-Session-ID must not be "${session}", which is reserved; send another name or leave it out`,
    );
  }
  return session;
}
