/** Many connections to a node, and what they cost it. */
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { atomOf, NDJSON_TYPE, type TestNode } from "./harness.ts";
import { Wire } from "./wire.ts";

/** Open files of a node. */
export function descriptors(node: TestNode): number {
  return readdirSync(`/proc/${node.pid}/fd`).length;
}

/** Time of the processor that a node has had, in hundredths of a second. */
export function cpuTicks(node: TestNode): number {
  const fields = readFileSync(`/proc/${node.pid}/stat`, "latin1").split(") ")[1]!.split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Connections that stay open as long as they may. */
export class Crowd {
  closed = 0;
  private readonly sockets: Socket[] = [];

  constructor(private readonly at: number | string) {}

  /** So many more connect; each sends `head` and nothing else. */
  async join(count: number, head: string): Promise<void> {
    const connected = Array.from({ length: count }, () => {
      const socket = typeof this.at === "number" ? connect(this.at, "127.0.0.1") : connect(this.at);
      this.sockets.push(socket);
      const settled = Promise.withResolvers<void>();
      socket.once("connect", settled.resolve);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.closed++;
        settled.resolve();
      });
      if (head !== "") socket.write(head);
      socket.resume();
      return settled.promise;
    });
    await Promise.all(connected);
  }

  leave(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

/** A request that stays under way: a stream of lines that has answered one and waits for the next. */
export class OpenStream {
  private constructor(private readonly wire: Wire) {}

  static async begin(node: TestNode): Promise<OpenStream> {
    const stream = new OpenStream(await Wire.connect(node.port));
    stream.wire.write(
      Buffer.from(
        `POST /remember/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${NDJSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      ),
    );
    await stream.line();
    return stream;
  }

  /** Sends a line. @returns its answer */
  line(): Promise<unknown> {
    const line = `${JSON.stringify(atomOf("a line of a long stream"))}\n`;
    const answer = Promise.withResolvers<unknown>();
    this.wire.sink = (bytes) => {
      const text = /\{.*\}/.exec(bytes.toString())?.[0];
      if (text !== undefined) answer.resolve(JSON.parse(text));
    };
    this.wire.write(Buffer.from(`${line.length.toString(16)}\r\n${line}\r\n`));
    return Promise.race([answer.promise, this.wire.closed]);
  }

  close(): void {
    this.wire.close();
  }
}

/** A client that asks and then reads nothing, not even that it was closed. */
export class Deaf {
  private constructor(private readonly socket: Bun.Socket<undefined>) {}

  static async ask(port: number, request: Uint8Array): Promise<Deaf> {
    const open = (socket: Bun.Socket<undefined>) => {
      socket.write(request);
      socket.pause();
    };
    return new Deaf(await Bun.connect({ hostname: "127.0.0.1", port, socket: { open, data: () => {} } }));
  }

  close(): void {
    this.socket.terminate();
  }
}
