import { decodeUtf8, type ErrorCode, errnoOf, Fault, isErrorCode, LIMITS } from "../base/mod.ts";
import type { Address } from "./address.ts";

export interface Exchange {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  body?: string | Uint8Array<ArrayBuffer>;
  /** Media type of the body; JSON unless said otherwise. */
  type?: string;
  headers?: Record<string, string>;
}

export interface Received {
  status: number;
  headers: Headers;
  text: string;
}

/** Codes of answers that carry none, such as those of a proxy. */
const CODE_OF_STATUS: Record<number, ErrorCode> = {
  400: "invalid_input",
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  405: "method_not_allowed",
  409: "conflict",
  410: "gone",
  413: "payload_too_large",
  415: "unsupported_media_type",
  422: "invalid_input",
  429: "rate_limited",
  502: "unreachable",
  503: "overloaded",
  504: "unreachable",
  507: "disk_full",
};

/** One node's HTTP connection: time-outs, bounded answers, and every failure as a Fault. */
export class Transport {
  /** @param spare sent only once the node has asked for a key and there is no other */
  constructor(
    readonly address: Address,
    private key: string | undefined,
    private readonly timeoutMs: number,
    private readonly spare?: string,
    private readonly hint = "start one with `dwbase serve` or name it with --api",
  ) {
    if (address.local && address.unix === undefined) bypassProxy();
  }

  /**
   * Sends one request and reads its whole answer. The time-out starts anew with every piece of the answer, so that
   * a long import under a rate limit goes on as long as it moves.
   * @throws Fault with the answer's own code; `unreachable` when there is no answer in time.
   */
  async send(exchange: Exchange): Promise<Received> {
    let received = await this.once(exchange);
    if (received.status === 401 && this.key === undefined && this.spare !== undefined) {
      this.key = this.spare;
      received = await this.once(exchange);
    }
    if (received.status < 200 || received.status > 299) throw this.refused(received);
    return received;
  }

  private async once(exchange: Exchange): Promise<Received> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new DOMException("late", "TimeoutError")), this.timeoutMs);
    try {
      const response = await fetch(this.address.base + exchange.path, this.init(exchange, late.signal));
      const text = await this.read(response, () => timer.refresh());
      return { status: response.status, headers: response.headers, text };
    } catch (cause) {
      throw cause instanceof Fault ? cause : this.unreachable(cause);
    } finally {
      clearTimeout(timer);
    }
  }

  private init(exchange: Exchange, signal: AbortSignal): RequestInit & { unix?: string } {
    const headers: Record<string, string> = { accept: "application/json", ...exchange.headers };
    if (this.key !== undefined) headers["x-api-key"] = this.key;
    // Compression costs more than it saves when nothing leaves the machine.
    if (this.address.local) headers["accept-encoding"] = "identity";
    if (exchange.body !== undefined) headers["content-type"] = exchange.type ?? "application/json";
    return {
      method: exchange.method,
      headers,
      signal,
      // A redirect would carry the key to another host.
      redirect: "manual",
      ...(exchange.body === undefined ? {} : { body: exchange.body }),
      ...(this.address.unix === undefined ? {} : { unix: this.address.unix }),
    };
  }

  private async read(response: Response, moved: () => void): Promise<string> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of response.body ?? []) {
      moved();
      size += part.length;
      if (size > LIMITS.clientAnswerBytes) throw this.notANode("its answer is too long");
      parts.push(part);
    }
    const text = decodeUtf8(Buffer.concat(parts));
    if (text === undefined) throw this.notANode("its answer is not UTF-8");
    return text;
  }

  /** JSON value of an answer. */
  json(received: Received): unknown {
    try {
      return JSON.parse(received.text);
    } catch {
      throw this.notANode("its answer is not JSON");
    }
  }

  notANode(why: string): Fault {
    return new Fault(
      "unreachable",
      `what answers at ${this.address.label} is not a dwbase node: ${why}; check --api`,
    );
  }

  private unreachable(cause: unknown): Fault {
    const at = this.address.label;
    if (cause instanceof Error && cause.name === "TimeoutError") {
      return new Fault("unreachable", `the node at ${at} did not answer within ${this.timeoutMs / 1000} s`, {
        cause,
      });
    }
    const why: Record<string, string> = {
      ECONNREFUSED: "nothing listens there",
      ENOENT: "there is no such socket",
      EACCES: "permission denied",
      ENOTFOUND: "the host name is not known",
      EAI_AGAIN: "no name server answers",
      ECONNRESET: "the connection was cut",
    };
    const reason = why[errnoOf(cause)] ?? (cause instanceof Error ? cause.message : String(cause));
    return new Fault("unreachable", `cannot reach a node at ${at}: ${reason}; ${this.hint}`, { cause });
  }

  private refused(received: Received): Fault {
    const { code, error } = errorBody(received.text);
    const known = isErrorCode(code) ? code : (CODE_OF_STATUS[received.status] ?? "internal_error");
    let message = error ?? `the node at ${this.address.label} answered with status ${received.status}`;
    if (known === "unauthenticated")
      message += " (--key, DWBASE_API_KEY, or --config of a node on this machine)";
    const seconds = Number(received.headers.get("retry-after") ?? "");
    return new Fault(known, message, seconds > 0 ? { retryAfter: seconds } : {});
  }
}

function errorBody(text: string): { code?: unknown; error?: string } {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== "object" || body === null) return {};
    const { code, error, detail } = body as Record<string, unknown>;
    const message = error ?? detail;
    return typeof message === "string" ? { code, error: message } : { code };
  } catch {
    return {};
  }
}

/** fetch sends even loopback requests to HTTP_PROXY; a node on this machine is never asked through one. */
function bypassProxy(): void {
  const names = ["localhost", "127.0.0.1", "::1"];
  const listed = (process.env.no_proxy ?? process.env.NO_PROXY ?? "")
    .split(",")
    .filter((name) => name !== "");
  if (names.every((name) => listed.includes(name))) return;
  process.env.no_proxy = [...new Set([...listed, ...names])].join(",");
}
