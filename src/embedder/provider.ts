import { concatBytes, Fault, LIMITS } from "../base/mod.ts";
import { BadAnswer, readAnswer } from "./answer.ts";

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface ProviderOptions {
  /** The address of the embeddings resource, or of the API above it (".../v1", or the server alone). */
  url: string;
  model: string;
  /** Longest wait for one request, ms. */
  timeoutMs: number;
  /** Sent as `Authorization: Bearer`. */
  key?: string;
  fetch?: Fetch;
}

/** Why a request gave no vectors. */
export type FailureKind =
  /** No answer in time: fewer texts at once may get one. */
  | "late"
  /** Away or overloaded: the same request may succeed later. */
  | "away"
  /** It answers, but not as it should: only a change of configuration helps. */
  | "wrong"
  /** It does not take these texts; nothing speaks against the provider. */
  | "refused";

/** A request that gave no vectors. */
export class ProviderFault extends Fault {
  constructor(
    readonly kind: FailureKind,
    provider: string,
    what: string,
    cause?: unknown,
  ) {
    const code = kind === "refused" ? "invalid_input" : "unreachable";
    super(code, `the embedding provider at ${provider} ${what}`, { op: "embed", cause });
  }
}

/** Statuses about the texts, not about the provider. */
const REFUSED = new Set([400, 413, 422]);
/** Statuses of a provider that will answer later; so do all from 500 on. */
const AWAY = new Set([408, 409, 425, 429]);

/** `/v1/embeddings` under a bare server address, `/embeddings` under one that ends with a version. */
function resourceOf(url: string): string {
  const address = new URL(url);
  const path = address.pathname.replace(/\/+$/, "");
  if (path === "") address.pathname = "/v1/embeddings";
  else if (/\/v\d+$/.test(path)) address.pathname = `${path}/embeddings`;
  return address.href;
}

/** One OpenAI-compatible embeddings resource; each call is one request. */
export class Provider {
  private readonly url: string;
  /** How faults name it: without user, password and query. */
  private readonly name: string;
  private readonly fetch: Fetch;

  constructor(private readonly options: ProviderOptions) {
    this.url = resourceOf(options.url);
    const { origin, pathname } = new URL(this.url);
    this.name = origin + pathname;
    this.fetch = options.fetch ?? ((url, init) => fetch(url, init));
  }

  fault(kind: FailureKind, what: string, cause?: unknown): ProviderFault {
    return new ProviderFault(kind, this.name, what, cause);
  }

  /**
   * The vectors of `texts`, at length 1.
   * @throws ProviderFault; Fault deadline_exceeded when `signal` is aborted
   */
  async embed(texts: readonly string[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>[]> {
    const late = AbortSignal.timeout(this.options.timeoutMs);
    try {
      const response = await this.send(texts, AbortSignal.any([signal, late]));
      const body = await this.read(response);
      this.checkStatus(response.status, body);
      return readAnswer(body, texts.length);
    } catch (cause) {
      if (signal.aborted) throw givenUp(cause);
      if (cause instanceof Fault) throw cause;
      if (cause instanceof BadAnswer) throw this.wrongAnswer(cause.message);
      if (late.aborted) {
        const { timeoutMs } = this.options;
        throw this.fault(
          "late",
          `gave no answer in ${timeoutMs} ms; raise embedder.timeout_ms if it is slow`,
          cause,
        );
      }
      throw this.fault(
        "away",
        `cannot be reached (${(cause as Error).message}); look whether it runs`,
        cause,
      );
    }
  }

  private send(texts: readonly string[], signal: AbortSignal): Promise<Response> {
    const { key, model } = this.options;
    const headers: Record<string, string> = {
      "content-type": "application/json",
      accept: "application/json",
    };
    if (key !== undefined) headers.authorization = `Bearer ${key}`;
    const body = JSON.stringify({ model, input: texts.map((text) => text.toWellFormed()) });
    // A redirect could carry the texts to where nobody meant them to go.
    return this.fetch(this.url, { method: "POST", headers, body, signal, redirect: "manual" });
  }

  private async read(response: Response): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += part.length;
      if (size > LIMITS.embedAnswerBytes) {
        throw this.wrongAnswer(`it has more than ${LIMITS.embedAnswerBytes} bytes`);
      }
      parts.push(part);
    }
    return concatBytes(parts);
  }

  private checkStatus(status: number, body: Uint8Array): void {
    if (status === 200) return;
    const said = new TextDecoder().decode(body.subarray(0, 200)).trim();
    const answered = `answered ${status}${said === "" ? "" : `: ${said}`}`;
    if (REFUSED.has(status)) throw this.fault("refused", `${answered}; it does not take these texts`);
    if (status >= 500 || AWAY.has(status)) throw this.fault("away", `${answered}; it is asked again later`);
    throw this.fault("wrong", `${answered}; check embedder.url, embedder.model and its key`);
  }

  private wrongAnswer(why: string): ProviderFault {
    return this.fault("wrong", `gave an answer that cannot be used: ${why}; check embedder.url`);
  }
}

export function givenUp(cause: unknown): Fault {
  return new Fault("deadline_exceeded", "there was no time left to wait for the embedding provider", {
    op: "embed",
    cause,
  });
}
