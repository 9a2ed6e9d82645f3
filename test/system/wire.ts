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
  private chunks: Buffer[] = [];
  private waiting: ((answer: WireAnswer) => void) | undefined;
  private readonly gone = Promise.withResolvers<void>();
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed = this.gone.promise;
  open = true;
  /** Takes the bytes of chunked answers as they come, in place of `body`. */
  sink: ((chunk: Buffer) => void) | undefined;

  private constructor(private readonly socket: Socket) {
    socket.on("data", (chunk: Buffer) => this.receive(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.open = false;
      this.gone.resolve();
      this.settle(false);
    });
  }

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
    if (!this.open) return Promise.resolve(parse(Buffer.alloc(0), false));
    return new Promise((resolve) => {
      this.waiting = resolve;
    });
  }

  /** Sends bytes as they are; resolves when there is room for more. */
  write(bytes: Uint8Array): Promise<void> {
    if (!this.open || this.socket.write(bytes)) return Promise.resolve();
    return Promise.race([
      this.closed,
      new Promise<void>((resolve) => void this.socket.once("drain", () => resolve())),
    ]);
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(chunk: Buffer): void {
    if (this.sink) this.sink(chunk);
    this.chunks.push(chunk);
    // With a sink only the head and what tells the end of the answer are kept.
    if (this.sink) {
      const [head, ...rest] = this.chunks;
      this.chunks = [head!, Buffer.concat(rest).subarray(-LAST_CHUNK.length)];
    }
    if (isComplete(this.chunks)) this.settle(true);
  }

  private settle(complete: boolean): void {
    const { waiting } = this;
    if (!waiting) return;
    this.waiting = undefined;
    const bytes = Buffer.concat(this.chunks);
    this.chunks = [];
    waiting(parse(bytes, complete));
  }
}

const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "0\r\n\r\n";

function headOf(first: Buffer): { text: string; size: number } | undefined {
  const end = first.indexOf(HEAD_END);
  return end < 0 ? undefined : { text: first.toString("latin1", 0, end), size: end + HEAD_END.length };
}

/** Whether an answer is all there. The node writes a head in one piece. */
function isComplete(chunks: readonly Buffer[]): boolean {
  const head = headOf(chunks[0]!);
  if (!head) return false;
  if (/transfer-encoding: *chunked/i.test(head.text)) {
    const last = chunks.at(-1)!;
    const tail = last.length >= LAST_CHUNK.length ? last : Buffer.concat(chunks.slice(-3));
    return tail.subarray(-LAST_CHUNK.length).toString("latin1") === LAST_CHUNK;
  }
  const length = Number(/content-length: *(\d+)/i.exec(head.text)?.[1] ?? 0);
  const received = chunks.reduce((sum, chunk) => sum + chunk.length, 0) - head.size;
  return received >= length;
}

function parse(bytes: Buffer, complete: boolean): WireAnswer {
  const head = headOf(bytes);
  if (!head) return { status: 0, headers: {}, body: Buffer.alloc(0), complete: false };
  const [statusLine = "", ...lines] = head.text.split("\r\n");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const rest = bytes.subarray(head.size);
  const body = headers["transfer-encoding"] === "chunked" ? unchunk(rest) : rest;
  return { status: Number(statusLine.split(" ")[1]), headers, body, complete };
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
