import { RateLimited, rateHeaders } from "../auth/mod.ts";
import { asFault, toWire, type WireFault } from "../base/mod.ts";
import { dropBody } from "./body.ts";
import type { Exchange } from "./exchange.ts";
import { isApiPath, pathOf } from "./path.ts";

/**
 * A thrown value as what the client may know of it: a bug keeps its message and stack for the log, and the client gets
 * the request id to look for there.
 */
export function publicFault(exchange: Exchange, error: unknown): WireFault {
  const fault = asFault(error);
  if (fault.code !== "internal_error") return toWire(fault);
  const cause = fault.cause instanceof Error ? fault.cause : fault;
  exchange.shared.logger.error({ request_id: exchange.id, err: cause }, "internal error");
  return {
    code: "internal_error",
    message: `an internal error happened in the request ${exchange.id}; look for this id in the node's log`,
  };
}

/** The answer to a request that failed, in the form of its family. */
export async function refuse(exchange: Exchange, error: unknown): Promise<Response> {
  const { code, message, retryAfter } = publicFault(exchange, error);
  const { status } = asFault(error);
  const { request } = exchange;
  if (retryAfter !== undefined) exchange.setHeader("Retry-After", String(retryAfter));
  else if (status === 503) exchange.setHeader("Retry-After", "1");
  if (status === 401) exchange.setHeader("WWW-Authenticate", "ApiKey");
  if (error instanceof RateLimited) {
    for (const [name, value] of Object.entries(rateHeaders(error.rate))) exchange.setHeader(name, value);
  }
  // who tries many keys has to come in anew for each further one
  else if (code === "rate_limited") exchange.setHeader("Connection", "close");
  // A connection with more of a refused body to come than is worth reading is closed after the answer.
  if (!exchange.bodyRead && !(await dropBody(request))) exchange.setHeader("Connection", "close");
  return exchange.value(
    status,
    isApiPath(pathOf(request.url)) ? { detail: message, code } : { error: message, code },
  );
}
