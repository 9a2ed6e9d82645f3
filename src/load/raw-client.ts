import { encodeUtf8 } from "../base/mod.ts";

/**
 * A load generator's HTTP/1.1 client: one kept-open connection, one request at a time, as little work a request as
 * possible, so that on a small machine the node is measured and not its client.
 */
export class RawClient {
  private socket!: Bun.Socket<undefined>;
  private buffer = Buffer.alloc(0);
  private waiting: { resolve(status: number): void; reject(cause: Error): void } | undefined;
  /** Body of the last answer. */
  body = "";

  static async connect(host: string, port: number): Promise<RawClient> {
    const client = new RawClient();
    client.socket = await Bun.connect({
      hostname: host,
      port,
      socket: {
        data: (_socket, chunk) => client.receive(chunk),
        close: () => client.fail(new Error("the node closed the connection")),
        error: (_socket, cause) => client.fail(cause),
      },
    });
    return client;
  }

  /** Sends a prepared request. @returns the status */
  send(request: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      const wrote = this.socket.write(request);
      if (wrote < request.length) this.writeRest(request.subarray(wrote));
    });
  }

  close(): void {
    this.waiting = undefined;
    this.socket.end();
  }

  private writeRest(rest: Uint8Array): void {
    setTimeout(() => {
      const wrote = this.socket.write(rest);
      if (wrote < rest.length) this.writeRest(rest.subarray(wrote));
    }, 1);
  }

  private receive(chunk: Buffer): void {
    this.buffer = this.buffer.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.buffer, chunk]);
    const end = this.buffer.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = this.buffer.toString("latin1", 0, end);
    const size = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.buffer.length < end + 4 + size) return;
    this.body = this.buffer.toString("utf8", end + 4, end + 4 + size);
    this.buffer = this.buffer.subarray(end + 4 + size);
    this.waiting?.resolve(Number(head.slice(9, 12)));
  }

  private fail(cause: Error): void {
    this.waiting?.reject(cause);
  }
}

export function postRequest(path: string, body: unknown): Uint8Array {
  const json = encodeUtf8(JSON.stringify(body));
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${json.length}\r\n\r\n`;
  return Buffer.concat([encodeUtf8(head), json]);
}
