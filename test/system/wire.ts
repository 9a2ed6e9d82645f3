import { connect, type Socket } from "node:net";

/** What came back for one request, as far as it came. */
export interface WireAnswer {
  /** 0 when the connection ended before the status line. */
  status: number;
  /** Lower-case names. */
  headers: Record<string, string>;
  body: Buffer;
  /** The answer ended as its headers say. */
  complete: boolean;
}

/** The bytes of an HTTP/1.1 request; Host and Content-Length are added where they are missing. */
export function requestBytes(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: string | Uint8Array = "",
): Buffer {
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const bytes = Buffer.from(body as Uint8Array);
  const lines = [`${method} ${path} HTTP/1.1`];
  if (!names.has("host")) lines.push("Host: localhost");
  if (!names.has("content-length") && (bytes.length > 0 || method === "POST"))
    lines.push(`Content-Length: ${bytes.length}`);
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), bytes]);
}

/**
 * An HTTP/1.1 client that hides nothing: one kept-open connection, no retries, and of an answer that was cut off the
 * part that arrived.
 */
export class Wire {
  private partial = newPartial();
  private waiting: ((answer: WireAnswer) => void) | undefined;
  private readonly gone = Promise.withResolvers<void>();
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed = this.gone.promise;
  open = true;
  /** Takes the bytes of bodies as they come, still chunked, in place of the answer's `body`. */
  sink: ((bytes: Buffer) => void) | undefined;

  private constructor(private readonly socket: Socket) {
    socket.on("data", (bytes: Buffer) => this.receive(bytes));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.open = false;
      this.gone.resolve();
      this.settle(false);
    });
  }

  /** @param at a port, or the path of a Unix socket */
  static connect(at: number | string, host = "127.0.0.1"): Promise<Wire> {
    const { promise, resolve, reject } = Promise.withResolvers<Wire>();
    const socket = typeof at === "number" ? connect(at, host) : connect(at);
    socket.setNoDelay(true);
    socket.once("error", reject);
    socket.once("connect", () => resolve(new Wire(socket)));
    return promise;
  }

  /** Sends a request; resolves with its answer, whole or cut off. Never rejects. */
  exchange(request: Uint8Array): Promise<WireAnswer> {
    const answer = this.answer();
    this.write(request);
    return answer;
  }

  /** The next answer. */
  answer(): Promise<WireAnswer> {
    return new Promise((resolve) => {
      this.waiting = resolve;
      if (!this.open) this.settle(false);
    });
  }

  /** Sends bytes as they are; resolves when there is room for more. */
  write(bytes: Uint8Array): Promise<void> {
    if (!this.open || this.socket.write(bytes)) return Promise.resolve();
    const drained = new Promise<void>((resolve) => void this.socket.once("drain", () => resolve()));
    return Promise.race([this.closed, drained]);
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(bytes: Buffer): void {
    const { partial } = this;
    let body = bytes;
    if (!partial.whole) {
      partial.head = Buffer.concat([partial.head, bytes]);
      const end = partial.head.indexOf(HEAD_END);
      if (end < 0) return;
      body = partial.head.subarray(end + HEAD_END.length);
      partial.head = partial.head.subarray(0, end);
      partial.whole = true;
    }
    partial.size += body.length;
    partial.tail = Buffer.concat([partial.tail, body]).subarray(-LAST_CHUNK.length);
    if (this.sink) this.sink(body);
    else partial.body.push(body);
    if (isComplete(partial)) this.settle(true);
  }

  private settle(complete: boolean): void {
    const { waiting, partial } = this;
    this.partial = newPartial();
    this.waiting = undefined;
    waiting?.(answerOf(partial, complete));
  }
}

/** An answer that is still coming. */
interface Partial {
  head: Buffer;
  /** The head is whole. */
  whole: boolean;
  body: Buffer[];
  /** Bytes of the body, and the last few of them. */
  size: number;
  tail: Buffer;
}

const NOTHING = Buffer.alloc(0);
const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "0\r\n\r\n";

function newPartial(): Partial {
  return { head: NOTHING, whole: false, body: [], size: 0, tail: NOTHING };
}

function headersOf(head: Buffer): Record<string, string> {
  const lines = head.toString("latin1").split("\r\n").slice(1);
  const pairs = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return Object.fromEntries(pairs);
}

function isComplete({ head, size, tail }: Partial): boolean {
  const headers = headersOf(head);
  if (headers["transfer-encoding"] === "chunked") return tail.toString("latin1") === LAST_CHUNK;
  return size >= Number(headers["content-length"] ?? 0);
}

function answerOf({ head, whole, body }: Partial, complete: boolean): WireAnswer {
  if (!whole) return { status: 0, headers: {}, body: NOTHING, complete: false };
  const headers = headersOf(head);
  const bytes = Buffer.concat(body);
  return {
    status: Number(head.toString("latin1").split(" ")[1]),
    headers,
    body: headers["transfer-encoding"] === "chunked" ? unchunk(bytes) : bytes,
    complete,
  };
}

/** The content of a chunked body, of a cut one what arrived. */
function unchunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf("\r\n", at);
    if (end < 0) break;
    const size = Number.parseInt(bytes.toString("latin1", at, end), 16);
    if (!(size > 0)) break;
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  return Buffer.concat(parts);
}
