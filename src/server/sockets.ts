import { dlopen } from "bun:ffi";
import { closeSync, fstatSync, openSync, readdirSync } from "node:fs";
import type { Listen } from "../config/mod.ts";

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOL_TCP = 6;
const TCP_INFO = 11;
/** Fields of struct tcp_info: `tcpi_last_data_sent` (ms) and `tcpi_notsent_bytes`. */
const LAST_DATA_SENT = 44;
const NOT_SENT_BYTES = 144;
const SHUT_RDWR = 2;
/** What the calls put down: names of 128 bytes at most, and of struct tcp_info what stands before here. */
const ROOM_BYTES = 256;
const TEXT_BYTES = 46;

/** A connection that came in. */
export interface Connection {
  /** Its descriptor. */
  fd: number;
  /** Address and port of the other end, as `peerKey` writes them; undefined on a Unix socket, where it has no name. */
  peer: string | undefined;
  /**
   * How long ago something was sent to it, ms; since it was opened when nothing was. On a Unix socket: since it was
   * first seen.
   */
  quietMs: number;
  /** Bytes of answers that the other end leaves no room for; 0 on a Unix socket, where nobody knows. */
  unsent: number;
}

/** The other end of a connection as one text. */
export function peerKey(address: string, port: number): string {
  return `${address} ${port}`;
}

/**
 * The connections of this process as the kernel knows them. The runtime neither counts the connections of its HTTP
 * server nor gives one out, so they are looked up by their descriptors.
 */
export class Sockets {
  private readonly libc;
  private readonly name = new Uint8Array(ROOM_BYTES);
  private readonly view = new DataView(this.name.buffer);
  private readonly address4 = new Uint8Array(this.name.buffer, 4);
  private readonly address6 = new Uint8Array(this.name.buffer, 8);
  private readonly text = new Uint8Array(TEXT_BYTES);
  private readonly length = new Uint32Array(1);
  /** When each connection of a Unix socket was first seen, by inode: nothing else tells how old it is. */
  private seen = new Map<number, number>();
  /** Kept open, so that one can be spent on looking where no more can be opened. */
  private spare: number | undefined;

  /**
   * @param at where they come in, with the port as it is
   * @throws what `dlopen` throws where there is no C library of that name or no compiler for the call
   */
  constructor(private readonly at: Listen) {
    this.libc = dlopen("libc.so.6", {
      getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
      getpeername: { args: ["i32", "ptr", "ptr"], returns: "i32" },
      getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
      inet_ntop: { args: ["i32", "ptr", "ptr", "u32"], returns: "ptr" },
      shutdown: { args: ["i32", "i32"], returns: "i32" },
    }).symbols;
    this.spare = openSpare();
  }

  /** Those that came in; none when another thread takes the spare descriptor at this very moment. */
  accepted(): Connection[] {
    const found: Connection[] = [];
    const before = this.seen;
    this.seen = new Map();
    for (const fd of this.descriptors()) {
      if (this.libc.getsockname(fd, this.name, this.room()) !== 0 || !this.isOurs()) continue;
      // the listener itself has no other end
      if (this.libc.getpeername(fd, this.name, this.room()) !== 0) continue;
      const peer = this.peer();
      const flow = peer === undefined ? { quietMs: this.age(fd, before), unsent: 0 } : this.flow(fd);
      found.push({ fd, peer, ...flow });
    }
    return found;
  }

  /**
   * Ends a connection for both sides. Its owner sees the end and closes the descriptor, which stays its own until then.
   * To be called without waiting after `accepted`: later another connection may have the number.
   */
  end(fd: number): void {
    this.libc.shutdown(fd, SHUT_RDWR);
  }

  close(): void {
    if (this.spare !== undefined) closeSync(this.spare);
    this.spare = undefined;
  }

  private get family(): number {
    return this.view.getUint16(0, true);
  }

  /** Whether the name that a call has put down is the listener's. */
  private isOurs(): boolean {
    const { at, family, name } = this;
    if (at.kind === "tcp") return (family === AF_INET || family === AF_INET6) && this.port === at.port;
    const path = Buffer.from(`${at.path}\0`);
    // of a name without a path nothing but the family is put down
    return (
      family === AF_UNIX &&
      this.length[0] === 2 + path.length &&
      path.equals(name.subarray(2, 2 + path.length))
    );
  }

  private get port(): number {
    return this.view.getUint16(2);
  }

  /** That name as `peerKey` writes it; inet_ntop writes addresses as the runtime does. */
  private peer(): string | undefined {
    const { family } = this;
    if (family === AF_UNIX) return undefined;
    const address = family === AF_INET ? this.address4 : this.address6;
    this.libc.inet_ntop(family, address, this.text, TEXT_BYTES);
    return peerKey(Buffer.from(this.text.buffer, 0, this.text.indexOf(0)).toString("latin1"), this.port);
  }

  private descriptors(): number[] {
    if (this.spare !== undefined) closeSync(this.spare);
    try {
      return readdirSync("/proc/self/fd").map(Number);
    } catch {
      return [];
    } finally {
      this.spare = openSpare();
    }
  }

  private age(fd: number, before: ReadonlyMap<number, number>): number {
    const now = performance.now();
    const inode = fstatSync(fd).ino;
    const since = before.get(inode) ?? now;
    this.seen.set(inode, since);
    return now - since;
  }

  private flow(fd: number): Pick<Connection, "quietMs" | "unsent"> {
    this.name.fill(0);
    this.libc.getsockopt(fd, SOL_TCP, TCP_INFO, this.name, this.room());
    const { view } = this;
    return { quietMs: view.getUint32(LAST_DATA_SENT, true), unsent: view.getUint32(NOT_SENT_BYTES, true) };
  }

  private room(): Uint32Array {
    this.length[0] = ROOM_BYTES;
    return this.length;
  }
}

function openSpare(): number | undefined {
  try {
    return openSync("/dev/null", "r");
  } catch {
    return undefined;
  }
}
